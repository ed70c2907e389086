/** A public key of a package feed as a file of the builder. */
export interface RepositoryKeyFile {
  /** Below the builder's folder. */
  readonly path: string;
  readonly text: string;
}

/** Bytes of a usign public key: 2 algorithm, 8 key id, 32 key. Source: usign, main.c. */
const USIGN_BYTES = 42;
const PEM = /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+(?:\n-----END PUBLIC KEY-----)?$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * What a client gives as the key of a feed, as the package manager finds it: usign keys are named by their fingerprint, PEM
 * keys by their number. Whether such a key has signed anything is for the package manager to find out; asu takes the same.
 * @param number which of the request's keys it is, from 0.
 * @returns undefined for what is neither.
 */
export function repositoryKeyFile(key: string, number: number): RepositoryKeyFile | undefined {
  const text = key.replaceAll('\r', '').trim();
  if (PEM.test(text)) return { path: `keys/custom-${number}.pem`, text: `${text}\n` };
  const base64 = text.split('\n').at(-1)?.trim() ?? '';
  const bytes = Buffer.from(base64, 'base64');
  if (!BASE64.test(base64) || bytes.byteLength !== USIGN_BYTES) return undefined;
  const keyId = bytes.subarray(2, 10).toString('hex');
  return { path: `keys/${keyId}`, text: `untrusted comment: ${keyId}\n${base64}\n` };
}
