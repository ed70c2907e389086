import { expect, test } from 'vitest';
import { createUsignKeyPair } from '../usign.ts';
import { repositoryKeyFile } from './repository-key.ts';

const { keyId, publicKeyFile } = createUsignKeyPair('feed', new Uint8Array(32));
const base64 = publicKeyFile.split('\n')[1] ?? '';
const pem = '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0=\n-----END PUBLIC KEY-----';

test('a usign key is named by its fingerprint, given as a file or as its line alone', () => {
  const file = { path: `keys/${keyId}`, text: `untrusted comment: ${keyId}\n${base64}\n` };
  expect([repositoryKeyFile(base64, 0), repositoryKeyFile(publicKeyFile, 3)]).toEqual([file, file]);
});

test('a PEM key is named by its number, whatever ends its lines', () => {
  expect(repositoryKeyFile(`${pem}\r\n`.replaceAll('\n', '\r\n'), 1)).toEqual({
    path: 'keys/custom-1.pem',
    text: `${pem}\n`,
  });
});

test.each([
  ['a key that signs nothing', Buffer.alloc(42).toString('base64')],
  ['a PEM key without its end', pem.split('\n-----END')[0] ?? ''],
])('%s passes: the package manager tells', (_what, key) => {
  expect(repositoryKeyFile(key, 0)).toBeDefined();
});

test.each([
  '',
  'RWRR',
  'garbage',
  `${pem}\n$(id)`,
  '-----BEGIN PRIVATE KEY-----\nMFkw\n-----END PRIVATE KEY-----',
])('%j is no key', (key) => {
  expect(repositoryKeyFile(key, 0)).toBeUndefined();
});
