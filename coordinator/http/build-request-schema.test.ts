import fc from 'fast-check';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { MAX_PACKAGES } from '../../shared/domain/build-spec.ts';
import { FarmError } from '../../shared/errors.ts';
import { buildRequestSchema, parseBuildRequest } from './parse-build-request.ts';

const GOOD = { version: '24.10.4', target: 'ath79/generic', profile: 'generic' };
const SCHEMA = buildRequestSchema();

function isTaken(body: unknown): boolean {
  try {
    parseBuildRequest(body);
    return true;
  } catch (thrown) {
    if (thrown instanceof FarmError && thrown.code === 'invalid_request') return false;
    throw thrown;
  }
}

test('the schema tells every field that is read, in the order of asu’s model', () => {
  expect(Object.keys(SCHEMA.properties)).toEqual([
    ...['distro', 'version', 'version_code', 'target', 'profile', 'packages', 'packages_versions'],
    ...['diff_packages', 'defaults', 'rootfs_size_mb', 'filesystem', 'repositories', 'repositories_mode'],
    ...['repository_keys', 'client'],
  ]);
  expect(SCHEMA.required).toEqual(['version', 'target']);
});

test.each([
  {},
  { profile: null },
  { profile: 'openwrt,one' },
  { target: 'ath79' },
  { version: 'vím' },
  { version: 1 },
  { version_code: null },
  { packages: ['luci', '', '-ppp'] },
  { packages: ['+luci'] },
  { packages: Array.from({ length: MAX_PACKAGES + 1 }, () => 'luci') },
  { packages_versions: { luci: '26.1~a+b-r1' } },
  { packages_versions: { luci: '1:2' } },
  { packages_versions: { 'a b': '1' } },
  { packages_versions: { luci: null } },
  { diff_packages: 'yes' },
  { diff_packages: 2 },
  { defaults: '' },
  { defaults: 'x'.repeat(20_480) },
  { defaults: 'x'.repeat(20_481) },
  { rootfs_size_mb: '256' },
  { rootfs_size_mb: 256.0 },
  { rootfs_size_mb: true },
  { rootfs_size_mb: false },
  { rootfs_size_mb: 0 },
  { rootfs_size_mb: 1025 },
  { filesystem: 'initramfs' },
  { filesystem: 'ntfs' },
  { repositories: { feed: 'https://feed.example/x' } },
  { repositories: { feed: 'ftp://feed.example' } },
  { repositories_mode: 'append' },
  { repositories_mode: null },
  { repository_keys: ['a', ''] },
  { client: null },
  { client: 5 },
  { unknown: 1 },
])('the schema judges %j as reading does', (change) => {
  const body = { ...GOOD, ...change };
  expect(Value.Check(SCHEMA, body)).toBe(isTaken(body));
});

test('the schema takes whatever is read', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('yes', 'ext4', 'append', 'TRUE', 1, 0, 5.5),
    fc.dictionary(fc.stringMatching(/^[a-z+-]{1,3}$/), fc.stringMatching(/^[a-z.:~]{1,3}$/)),
  );
  const key = fc.constantFrom(...Object.keys(SCHEMA.properties));
  fc.assert(
    fc.property(fc.dictionary(key, value, { maxKeys: 3 }), (change) => {
      const body: Record<string, unknown> = { ...GOOD, ...change };
      // The schema cannot say a few limits that reading has, nor that letters may be of either case.
      const isUpperCase = typeof body.diff_packages === 'string' && /[A-Z]/.test(body.diff_packages);
      if (isTaken(body) && !isUpperCase) expect(Value.Check(SCHEMA, body)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
