import { readFile } from 'node:fs/promises';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { parseUsignPublicKey, type UsignPublicKey } from '../../shared/usign.ts';

/** A usign key of OpenWrt, and what it signs. */
export interface UpstreamKey {
  readonly signs: string;
  /** 16 hex digits; part of the key's bytes too. */
  readonly keyId: string;
  /** Base64 of 2 bytes algorithm, 8 bytes key id, 32 bytes Ed25519 key. */
  readonly publicKey: string;
}

/**
 * OpenWrt's official keys. Source: OpenWrt's own list of public keys (wiki page on signatures, generated from keyring.git,
 * files `usign/<key id>`), as stored 2024-11 or later. Those of 21.02, 22.03 and snapshots also stand in asu's `branches.yml`,
 * and the snapshot key there for 23.05; one distribution's build documents that key for 25.12.
 */
export const OPENWRT_KEYS: readonly UpstreamKey[] = [
  {
    signs: '17.01',
    keyId: '792d9d9b39f180dc',
    publicKey: 'RWR5LZ2bOfGA3FGliZosEDhodiAKDOISmQs/mmjo4rhcbFtqkibJqMzo',
  },
  {
    signs: '18.06',
    keyId: '1035ac73cc4e59e3',
    publicKey: 'RWQQNaxzzE5Z41cVmEh2rilAPKLsyfPKm+S4BJWA1Yv+LP1hKebmGtXi',
  },
  {
    signs: '19.07',
    keyId: 'f94b9dd6febac963',
    publicKey: 'RWT5S53W/rrJY9BiIod3JF04AZ/eU1xDpVOb+rjZzAQBEcoETGx8BXEK',
  },
  {
    signs: '21.02',
    keyId: '2f8b0b98e08306bf',
    publicKey: 'RWQviwuY4IMGvwLfs6842A0m4EZU1IjczTxKMSk3BQP8DAQLHBwdQiaU',
  },
  {
    signs: '22.03',
    keyId: '4d017e6f1ed5d616',
    publicKey: 'RWRNAX5vHtXWFmt+n5di7XX8rTu0w+c8X7Ihv4oCyD6tzsUwmH0A6kO0',
  },
  {
    signs: '24.10',
    keyId: 'd310c6f2833e97f7',
    publicKey: 'RWTTEMbygz6X95lKDAulctZy3aj15823THXfyrfXgwGbxZlXBd2brNcw',
  },
  {
    signs: 'unattended builds: snapshots, 23.05, 25.12',
    keyId: 'b5043e70f9a75cde',
    publicKey: 'RWS1BD5w+adc3j2Hqg9+b66CvLR7NlHbsj7wjNVj0XGt/othDgIAOJS+',
  },
];

/** Releases for which the list holds no key of their own; the one of unattended builds is known to sign them. */
export const RELEASES_WITHOUT_OWN_KEY: readonly string[] = ['23.05', '25.12'];

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
