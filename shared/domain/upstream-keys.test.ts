import { expect, test } from 'vitest';
import { parseUsignPublicKey } from '../usign.ts';
import { OPENWRT_KEYS, openWrtKeyOf } from './upstream-keys.ts';

test.each(OPENWRT_KEYS)('the key for $branches carries the id it is listed under', ({ keyId, publicKey }) => {
  expect(parseUsignPublicKey(publicKey).keyId).toBe(keyId);
});

test('a branch has one key', () => {
  const branches = OPENWRT_KEYS.flatMap((key) => key.branches);
  expect(new Set(branches).size).toBe(branches.length);
  expect(parseUsignPublicKey(openWrtKeyOf('24.10') ?? '').keyId).toBe('d310c6f2833e97f7');
  expect(openWrtKeyOf('25.12')).toBe(openWrtKeyOf('SNAPSHOT'));
  expect(openWrtKeyOf('99.01')).toBeUndefined();
});
