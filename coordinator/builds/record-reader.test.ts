import { describe, expect, test } from 'vitest';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { RECORD_FIELDS, RecordReader } from './record-reader.ts';

const HASH = 'a'.repeat(64);
const BUILDER = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
const SPEC = plainSpec({ ...BUILDER, packages: ['vim'] });
const SOURCE = { ...BUILDER, versionPath: 'releases/24.10.4', digest: 'd'.repeat(64) };

function values(changes: Partial<Record<(typeof RECORD_FIELDS)[number], string | null>> = {}) {
  const fields = {
    state: 'queued',
    generation: '1'.repeat(32),
    lane: 'open',
    source: JSON.stringify(SOURCE),
    spec: JSON.stringify(SPEC),
    client: '',
    acceptedAt: '1790000000123',
    attempt: '0',
    stage: null,
    isCacheable: null,
    answer: null,
    score: '7340033',
    ...changes,
  };
  return RECORD_FIELDS.map((name) => fields[name]);
}

describe('records', () => {
  test('are read from Redis’ texts', () => {
    const reader = new RecordReader();
    expect(reader.read(HASH, values())).toMatchObject({
      requestHash: HASH,
      state: 'queued',
      client: null,
      acceptedAt: 1_790_000_000_123,
      position: 0,
      isCacheable: true,
      answer: null,
      spec: SPEC,
      source: SOURCE,
    });
    expect(reader.waitingKeyOf(HASH)).toBe('wrtfarm:waiting:open:openwrt=24_10_4=x86=64');
    const done = values({ state: 'done', isCacheable: '1', answer: '{"detail":"done"}', client: 'luci/1' });
    expect(reader.read(HASH, done)).toMatchObject({
      position: null,
      answer: { detail: 'done' },
      client: 'luci/1',
      isCacheable: true,
    });
    expect(reader.read(HASH, values({ state: 'failed', isCacheable: '0' }))?.isCacheable).toBe(false);
  });

  test('what was read is not parsed again until its text is another', () => {
    const reader = new RecordReader();
    const first = reader.read(HASH, values());
    expect(reader.read(HASH, values({ state: 'running', stage: 'init' }))?.spec).toBe(first?.spec);
    const digest = 'e'.repeat(64);
    const repinned = reader.read(HASH, values({ source: JSON.stringify({ ...SOURCE, digest }) }));
    expect(repinned?.source.digest).toBe(digest);
  });

  test('where a build waits is known for longer than its spec', () => {
    const reader = new RecordReader();
    const first = reader.read(HASH, values());
    for (let at = 0; at < 2_000; at += 1) reader.read(String(at).padStart(64, '0'), values());
    expect(reader.waitingKeyOf(HASH)).toBe('wrtfarm:waiting:open:openwrt=24_10_4=x86=64');
    const again = reader.read(HASH, values());
    expect(again?.spec).not.toBe(first?.spec);
    expect(again?.source).toBe(first?.source);
  });

  test('a build that is not there is none, and its place is forgotten', () => {
    const reader = new RecordReader();
    reader.read(HASH, values());
    expect(reader.read(HASH, values({ state: null }))).toBeUndefined();
    expect(reader.waitingKeyOf(HASH)).toBeUndefined();
  });

  test.each([
    ['a state nobody knows', { state: 'resting' }],
    ['a lane nobody knows', { lane: 'fast' }],
    ['no spec', { spec: null }],
    ['a spec make must not see', { spec: JSON.stringify({ ...SPEC, packages: ['$(rm -rf /)'] }) }],
    ['a source elsewhere', { source: JSON.stringify({ ...SOURCE, versionPath: '../etc' }) }],
  ])('%s is damage', (_what, changes) => {
    expect(() => new RecordReader().read(HASH, values(changes))).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });
});
