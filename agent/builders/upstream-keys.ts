import { readFile } from 'node:fs/promises';
import { OPENWRT_KEYS } from '../../shared/domain/upstream-keys.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { parseUsignPublicKey, type UsignPublicKey } from '../../shared/usign.ts';

/** Keys that third-party scripts call OpenWrt's but that its list does not hold; never trusted. */
export const UNOFFICIAL_KEYS: readonly { readonly keyId: string; readonly remark: string }[] = [
  {
    keyId: '682970064b87a917',
    remark: "third-party scripts label it as 23.05's, but it is not in OpenWrt's list of keys",
  },
];

/** The keys that may sign a distro's archives: OpenWrt's own for OpenWrt, and those the operator added for every one. */
export function trustedKeys(distro: string, added: readonly UsignPublicKey[]): readonly UsignPublicKey[] {
  const official = distro === 'openwrt' ? OPENWRT_KEYS : [];
  return [...official.map((key) => parseUsignPublicKey(key.publicKey)), ...added];
}

/**
 * Reads further usign public keys (`--upstream-key`).
 * @throws FarmError `invalid_request` naming the file that is missing or no key.
 */
export async function loadUpstreamKeys(files: readonly string[]): Promise<readonly UsignPublicKey[]> {
  return await Promise.all(
    files.map(async (file) => {
      try {
        return parseUsignPublicKey(await readFile(file, 'utf8'));
      } catch (cause) {
        throw new FarmError('invalid_request', `${file} is no usign public key: ${messageOf(cause)}`, {
          cause,
        });
      }
    }),
  );
}
