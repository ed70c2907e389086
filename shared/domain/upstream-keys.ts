/** A usign key of OpenWrt, and what it signs. */
export interface UpstreamKey {
  /** Names of branches. */
  readonly branches: readonly string[];
  /** 16 hex digits; part of the key's bytes too. */
  readonly keyId: string;
  /** Base64 of 2 bytes algorithm, 8 bytes key id, 32 bytes Ed25519 key. */
  readonly publicKey: string;
}

/**
 * OpenWrt's official keys. Source: OpenWrt's own list of public keys (wiki page on signatures, generated from keyring.git,
 * files `usign/<key id>`), as stored 2024-11 or later. Those of 21.02, 22.03 and snapshots also stand in asu's `branches.yml`.
 * The last is that of unattended builds: of snapshots, of 23.05 by asu's `branches.yml`, of 25.12 by one distribution's build;
 * the list holds no key of these two alone.
 */
export const OPENWRT_KEYS: readonly UpstreamKey[] = [
  {
    branches: ['17.01'],
    keyId: '792d9d9b39f180dc',
    publicKey: 'RWR5LZ2bOfGA3FGliZosEDhodiAKDOISmQs/mmjo4rhcbFtqkibJqMzo',
  },
  {
    branches: ['18.06'],
    keyId: '1035ac73cc4e59e3',
    publicKey: 'RWQQNaxzzE5Z41cVmEh2rilAPKLsyfPKm+S4BJWA1Yv+LP1hKebmGtXi',
  },
  {
    branches: ['19.07'],
    keyId: 'f94b9dd6febac963',
    publicKey: 'RWT5S53W/rrJY9BiIod3JF04AZ/eU1xDpVOb+rjZzAQBEcoETGx8BXEK',
  },
  {
    branches: ['21.02'],
    keyId: '2f8b0b98e08306bf',
    publicKey: 'RWQviwuY4IMGvwLfs6842A0m4EZU1IjczTxKMSk3BQP8DAQLHBwdQiaU',
  },
  {
    branches: ['22.03'],
    keyId: '4d017e6f1ed5d616',
    publicKey: 'RWRNAX5vHtXWFmt+n5di7XX8rTu0w+c8X7Ihv4oCyD6tzsUwmH0A6kO0',
  },
  {
    branches: ['24.10'],
    keyId: 'd310c6f2833e97f7',
    publicKey: 'RWTTEMbygz6X95lKDAulctZy3aj15823THXfyrfXgwGbxZlXBd2brNcw',
  },
  {
    branches: ['SNAPSHOT', '23.05', '25.12'],
    keyId: 'b5043e70f9a75cde',
    publicKey: 'RWS1BD5w+adc3j2Hqg9+b66CvLR7NlHbsj7wjNVj0XGt/othDgIAOJS+',
  },
];

/** The public key, as base64, that signs a branch of OpenWrt; undefined where none is known. */
export function openWrtKeyOf(branch: string): string | undefined {
  return OPENWRT_KEYS.find(({ branches }) => branches.includes(branch))?.publicKey;
}
