import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createUsignKeyPair, parseUsignPublicKey, verifyUsign } from './usign.ts';

const message = Buffer.from('0123456789abcdef *openwrt-imagebuilder.tar.zst\n');
const ours = createUsignKeyPair('ours', Buffer.alloc(32, 1));
const theirs = createUsignKeyPair('theirs', Buffer.alloc(32, 2));
const trusted = [parseUsignPublicKey(theirs.publicKeyFile), parseUsignPublicKey(ours.publicKeyFile)];

/** The bytes in a key or signature file. */
function bytesOf(file: string): Buffer {
  return Buffer.from(file.split('\n')[1] ?? '', 'base64');
}

describe('a signature', () => {
  test('by a trusted key is accepted and names its key', () => {
    expect(verifyUsign(message, ours.sign(message), trusted)).toBe(ours.keyId);
    expect(verifyUsign(message, theirs.sign(message), trusted)).toBe(theirs.keyId);
    expect(ours.keyId).toMatch(/^[0-9a-f]{16}$/);
  });

  test('by a key that is not trusted is refused, telling which ones are', () => {
    const stranger = createUsignKeyPair('stranger');
    expect(() => verifyUsign(message, stranger.sign(message), trusted)).toThrow(
      expect.objectContaining({
        code: 'failed_precondition',
        details: { keyId: stranger.keyId, trusted: [theirs.keyId, ours.keyId] },
      }),
    );
  });

  test('that claims the id of a trusted key is still checked by that key', () => {
    const forged = bytesOf(theirs.sign(message));
    Buffer.from(ours.keyId, 'hex').copy(forged, 2);
    expect(() => verifyUsign(message, forged.toString('base64'), trusted)).toThrow(
      expect.objectContaining({ code: 'failed_precondition', details: { keyId: ours.keyId } }),
    );
  });

  test('does not fit once a single bit of the message or of itself is another', () => {
    const signature = bytesOf(ours.sign(message));
    const bits = fc.integer({ min: 0, max: (message.length + signature.length) * 8 - 1 });
    fc.assert(
      fc.property(bits, (bit) => {
        const joined = Buffer.concat([message, signature]);
        const at = bit >> 3;
        joined.writeUInt8(joined.readUInt8(at) ^ (1 << (bit & 7)), at);
        const changed = joined.subarray(message.length).toString('base64');
        expect(() => verifyUsign(joined.subarray(0, message.length), changed, trusted)).toThrow(
          expect.objectContaining({ code: 'failed_precondition' }),
        );
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['only its comment', 'untrusted comment: signature ours\n'],
    ['not base64', 'untrusted comment: x\n<html>not found</html>\n'],
    ['cut short', bytesOf(ours.sign(message)).subarray(0, 73).toString('base64')],
    ['a public key', ours.publicKeyFile],
  ])('that is %s is none', (_what, text) => {
    expect(() => verifyUsign(message, text, trusted)).toThrow(
      expect.objectContaining({
        code: 'failed_precondition',
        message: expect.stringContaining('not a usign'),
      }),
    );
  });
});

describe('a key', () => {
  test('is read from its file, with either line end, or from its base64 line alone', () => {
    const line = ours.publicKeyFile.split('\n')[1] ?? '';
    for (const text of [ours.publicKeyFile, ours.publicKeyFile.replaceAll('\n', '\r\n'), line]) {
      const key = parseUsignPublicKey(text);
      expect(key.keyId).toBe(ours.keyId);
      expect(verifyUsign(message, ours.sign(message), [key])).toBe(ours.keyId);
    }
  });

  test.each(['', 'RWQ', ours.sign(message), Buffer.alloc(42).toString('base64')])(
    'of another form is refused: %j',
    (text) => {
      expect(() => parseUsignPublicKey(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    },
  );

  test('is the same for the same seed, and another one without', () => {
    const seed = Buffer.alloc(32, 7);
    const [first, second] = [createUsignKeyPair('a', seed), createUsignKeyPair('a', seed)];
    expect(first.publicKeyFile).toBe(second.publicKeyFile);
    expect(createUsignKeyPair('a').publicKeyFile).not.toBe(createUsignKeyPair('a').publicKeyFile);
  });
});

const hasSignify = spawnSync('signify-openbsd', ['-h']).error === undefined;

describe.skipIf(!hasSignify)('signify-openbsd, which is the format', () => {
  let directory: string;
  const path = (name: string): string => join(directory, name);
  const signify = (...args: string[]) => spawnSync('signify-openbsd', args, { encoding: 'utf8' });

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'wrtfarm-signify-'));
    writeFileSync(path('message'), message);
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  test('accepts our signature with our key, and not for another message', () => {
    writeFileSync(path('ours.pub'), ours.publicKeyFile);
    writeFileSync(path('ours.sig'), ours.sign(message));
    writeFileSync(path('other'), 'another message');
    const verify = (file: string) =>
      signify('-V', '-p', path('ours.pub'), '-x', path('ours.sig'), '-m', path(file));
    expect(verify('message')).toMatchObject({ status: 0, stdout: 'Signature Verified\n' });
    expect(verify('other')).toMatchObject({ status: 1 });
  });

  test('signs what we accept with its key, and not for another message', () => {
    expect(signify('-G', '-n', '-p', path('their.pub'), '-s', path('their.sec'))).toMatchObject({
      status: 0,
    });
    signify('-S', '-s', path('their.sec'), '-x', path('their.sig'), '-m', path('message'));
    const key = parseUsignPublicKey(readFileSync(path('their.pub'), 'utf8'));
    const signature = readFileSync(path('their.sig'), 'utf8');
    expect(verifyUsign(message, signature, [key])).toBe(key.keyId);
    expect(() => verifyUsign(Buffer.from('another message'), signature, [key])).toThrow(
      expect.objectContaining({ code: 'failed_precondition' }),
    );
  });
});
