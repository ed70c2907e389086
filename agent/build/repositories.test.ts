import { expect, test } from 'vitest';
import { hasCode } from '../../shared/errors.ts';
import { createUsignKeyPair } from '../../shared/usign.ts';
import { keyFiles, rewriteRepositories } from './repositories.ts';

const APK =
  '# see https://downloads.openwrt.org/\nhttps://downloads.openwrt.org/snapshots/packages/x/base/packages.adb\n';
const OPKG =
  'src/gz openwrt_core https://downloads.openwrt.org/releases/24.10.4/targets/x86/64/packages\n' +
  'src imagebuilder file:packages\noption check_signature\n';
const NOTHING = { repositories: {}, repositoriesMode: 'replace' } as const;
const append = { repositories: { mine: 'https://me.example/feed' }, repositoriesMode: 'append' } as const;
const replace = { ...append, repositoriesMode: 'replace' } as const;

test('with the official upstream nothing changes', () => {
  expect(rewriteRepositories(APK, 'apk', 'https://downloads.openwrt.org', NOTHING)).toBe(APK);
  expect(rewriteRepositories(OPKG, 'opkg', 'https://downloads.openwrt.org/', NOTHING)).toBe(OPKG);
});

test('feeds are read from the mirror, comments stay', () => {
  expect(rewriteRepositories(APK, 'apk', 'http://127.0.0.1:8/m$&/', NOTHING)).toBe(
    '# see https://downloads.openwrt.org/\nhttp://127.0.0.1:8/m$&/snapshots/packages/x/base/packages.adb\n',
  );
  expect(rewriteRepositories(OPKG, 'opkg', 'http://mirror', NOTHING)).toBe(
    'src/gz openwrt_core http://mirror/releases/24.10.4/targets/x86/64/packages\nsrc imagebuilder file:packages\noption check_signature\n',
  );
});

test('a host that only begins like the official one is left alone', () => {
  const text = 'https://downloads.openwrt.org.evil/x/packages.adb\n';
  expect(rewriteRepositories(text, 'apk', 'http://mirror', NOTHING)).toBe(text);
});

test('own feeds are appended in the words of the package manager', () => {
  expect(rewriteRepositories(APK, 'apk', 'https://downloads.openwrt.org', append)).toBe(
    `${APK}https://me.example/feed\n`,
  );
  expect(rewriteRepositories(OPKG, 'opkg', 'https://downloads.openwrt.org', append)).toBe(
    `${OPKG}src/gz mine https://me.example/feed\n`,
  );
});

test('own feeds replace remote ones, and only those', () => {
  expect(rewriteRepositories(APK, 'apk', 'http://mirror', replace)).toBe(
    '# see https://downloads.openwrt.org/\nhttps://me.example/feed\n',
  );
  expect(rewriteRepositories(OPKG, 'opkg', 'http://mirror', replace)).toBe(
    'src imagebuilder file:packages\noption check_signature\nsrc/gz mine https://me.example/feed\n',
  );
});

test.each([
  ['a b', 'https://ok'],
  ['a\nsrc', 'https://ok'],
  ['ok', 'https://x y'],
  ['ok', 'https://x\nhttps://y'],
  ['ok', 'file:///etc'],
  ['ok', 'https://x"y'],
  ['ok', 'https://$(id)'],
])('a feed %j %j is refused', (name, url) => {
  const spec = { repositories: { [name]: url }, repositoriesMode: 'append' } as const;
  expect(() => rewriteRepositories(APK, 'apk', 'http://mirror', spec)).toThrow(
    expect.toSatisfy((thrown) => hasCode(thrown, 'invalid_request')),
  );
});

test('keys are files of the builder, and what is no key is refused', () => {
  const { keyId, publicKeyFile } = createUsignKeyPair('feed', new Uint8Array(32));
  expect([...keyFiles([publicKeyFile]).keys()]).toEqual([`keys/${keyId}`]);
  expect(() => keyFiles([publicKeyFile, 'RWRR'])).toThrow(
    expect.toSatisfy((thrown) => hasCode(thrown, 'invalid_request')),
  );
});
