import { expect, test } from 'vitest';
import { parseAs } from '../schema.ts';
import { ArtifactSchema, BUILD_LOG_NAME, MAX_ARTIFACT_BYTES } from './artifact.ts';

const parse = (change: object) =>
  parseAs(ArtifactSchema, { name: 'a.bin', sha256: 'a'.repeat(64), sizeBytes: 1, ...change }, 'artifact');

test.each([
  BUILD_LOG_NAME,
  'openwrt-24.10.4-3f2a9c1d0b7e-x86-64-generic-squashfs-combined-efi.img.gz',
  'openwrt-25.12.0-rc2-mediatek-filogic-openwrt_one-squashfs-sysupgrade.itb',
  'profiles.json',
  'libstdc++.manifest',
  'a'.repeat(200),
])('%s is the name of an artifact', (name) => {
  expect(parse({ name }).name).toBe(name);
});

test.each([
  '',
  '.',
  '..',
  '.hidden',
  '-rf',
  'a/b',
  '../a',
  'a\\b',
  'a b',
  'a\n',
  'a\0',
  'a?x=1',
  'a%2f',
  'bär.bin',
  'a'.repeat(201),
])('%j is not the name of an artifact', (name) => {
  expect(() => parse({ name })).toThrow(expect.objectContaining({ code: 'invalid_request' }));
});

test('an artifact may be empty and as large as allowed, and no larger', () => {
  expect(parse({ sizeBytes: 0 }).sizeBytes).toBe(0);
  expect(parse({ sizeBytes: MAX_ARTIFACT_BYTES }).sizeBytes).toBe(MAX_ARTIFACT_BYTES);
  for (const sizeBytes of [-1, 0.5, MAX_ARTIFACT_BYTES + 1, '1', Number.NaN]) {
    expect(() => parse({ sizeBytes })).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  }
});

test.each(['', 'a'.repeat(63), 'A'.repeat(64), `${'a'.repeat(64)}\n`])('%j is no sha256', (sha256) => {
  expect(() => parse({ sha256 })).toThrow(expect.objectContaining({ code: 'invalid_request' }));
});
