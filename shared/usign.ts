import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { FarmError } from './errors.ts';

/*
 * usign (OpenWrt) and signify (OpenBSD) share a format: a file is one `untrusted comment:` line and one base64 line.
 * public key: "Ed", 8 bytes key id, 32 bytes Ed25519 key; signature: "Ed", 8 bytes key id, 64 bytes signature of the file.
 * Source: signify(1), and usign's main.c.
 */
const ALGORITHM = 'Ed';
const KEY_BYTES = 42;
const SIGNATURE_BYTES = 74;
/** DER header of an Ed25519 SubjectPublicKeyInfo (RFC 8410, section 4), before its 32 key bytes. */
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex');

export interface UsignPublicKey {
  /** 16 hex digits; OpenWrt also names key files so. */
  readonly keyId: string;
  readonly key: KeyObject;
}

/** Reads a usign public key: the whole file, or its base64 line alone. Throws `invalid_request`. */
export function parseUsignPublicKey(text: string): UsignPublicKey {
  const bytes = decode(text, KEY_BYTES, 'usign public key');
  return {
    keyId: bytes.subarray(2, 10).toString('hex'),
    key: createPublicKey({
      key: Buffer.concat([SPKI_HEADER, bytes.subarray(10)]),
      format: 'der',
      type: 'spki',
    }),
  };
}

/**
 * Checks a detached usign signature of `message` against the keys one trusts; a signature names its key by id.
 * @returns the id of the key that signed.
 * @throws FarmError `failed_precondition`: malformed, by no trusted key, or wrong.
 */
export function verifyUsign(message: Uint8Array, signature: string, keys: readonly UsignPublicKey[]): string {
  let bytes: Buffer;
  try {
    bytes = decode(signature, SIGNATURE_BYTES, 'usign signature');
  } catch (cause) {
    throw new FarmError('failed_precondition', 'the signature is not a usign signature', { cause });
  }
  const keyId = bytes.subarray(2, 10).toString('hex');
  const candidates = keys.filter((key) => key.keyId === keyId);
  if (candidates.length === 0) {
    throw new FarmError('failed_precondition', `signed by key ${keyId}, which is not trusted here`, {
      details: { keyId, trusted: keys.map((key) => key.keyId) },
    });
  }
  if (!candidates.some((candidate) => verifyBytes(null, message, candidate.key, bytes.subarray(10)))) {
    throw new FarmError('failed_precondition', `the signature by key ${keyId} does not fit the file`, {
      details: { keyId },
    });
  }
  return keyId;
}

export interface UsignKeyPair {
  readonly keyId: string;
  /** Text of the public key file. */
  readonly publicKeyFile: string;
  /** Text of a detached signature file for `message`. */
  sign(message: Uint8Array): string;
}

/** A usign key pair. The same `seed` (32 bytes, PKCS#8 without its header) gives the same pair; without one it is random. */
export function createUsignKeyPair(comment: string, seed?: Uint8Array): UsignKeyPair {
  const privateKey = seed
    ? createPrivateKey({
        // DER header of an Ed25519 PrivateKeyInfo (RFC 8410, section 7), before its 32 seed bytes.
        key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
        format: 'der',
        type: 'pkcs8',
      })
    : generateKeyPairSync('ed25519').privateKey;
  const raw = createPublicKey(privateKey)
    .export({ format: 'der', type: 'spki' })
    .subarray(SPKI_HEADER.length);
  const keyId = createHash('sha256').update(raw).digest().subarray(0, 8);
  const encode = (kind: string, body: Uint8Array): string =>
    `untrusted comment: ${kind} ${comment}\n${Buffer.concat([Buffer.from(ALGORITHM), keyId, body]).toString('base64')}\n`;
  return {
    keyId: keyId.toString('hex'),
    publicKeyFile: encode('public key', raw),
    sign: (message) => encode('signature', signBytes(null, message, privateKey)),
  };
}

function decode(text: string, length: number, what: string): Buffer {
  const line = text
    .split('\n')
    .map((each) => each.trim())
    .filter((each) => each !== '' && !each.startsWith('untrusted comment:'))[0];
  const bytes = Buffer.from(line ?? '', 'base64');
  if (bytes.length !== length || bytes.subarray(0, 2).toString('latin1') !== ALGORITHM) {
    throw new FarmError(
      'invalid_request',
      `not a ${what}: expected ${length} bytes of base64 beginning with "Ed"`,
    );
  }
  return bytes;
}
