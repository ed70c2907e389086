import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createUsignKeyPair, parseUsignPublicKey, type UsignKeyPair } from '../../../shared/usign.ts';

const SEED_BYTES = 32;

/** The key pair whose seed is in a file; a random one is made and written, readable by its owner only, when there is none. */
export async function loadSigningKey(seedFile: string): Promise<UsignKeyPair> {
  const seed = await readSeed(seedFile);
  return createUsignKeyPair('wrtfarm miniature upstream', seed);
}

/** The public half as PEM, the form apk keeps keys in. */
export function publicKeyPem(key: UsignKeyPair): string {
  return parseUsignPublicKey(key.publicKeyFile).key.export({ type: 'spki', format: 'pem' }).toString();
}

async function readSeed(path: string): Promise<Buffer> {
  const seed = Buffer.from(await readFile(path, 'utf8').catch(() => ''), 'hex');
  if (seed.length === SEED_BYTES) return seed;
  const fresh = randomBytes(SEED_BYTES);
  await writeFile(path, `${fresh.toString('hex')}\n`, { mode: 0o600 });
  return fresh;
}
