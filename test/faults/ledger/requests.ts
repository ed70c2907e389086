import { seededRandom } from '../../bench/sim/random.ts';

/** Packages whose choice tells requests apart; every builder of the ledger has them all. */
const NAMES = [
  'adblock',
  'bash',
  'collectd',
  'curl',
  'htop',
  'iperf3',
  'lsof',
  'nano',
  'screen',
  'tcpdump',
  'tmux',
  'ucode',
  'vim',
  'zstd',
] as const;

const DEVICES = [
  { version: '24.10.4', target: 'ath79/generic', profile: 'tplink_archer-c7-v5' },
  { version: '25.12.0', target: 'x86/64', profile: 'generic' },
  { version: '24.10.4', target: 'x86/64', profile: 'generic' },
  { version: '25.12.0', target: 'ath79/generic', profile: '8dev_carambola2' },
] as const;

/** What the upstream of the ledger must have. */
export const LEDGER_UPSTREAM = { versions: ['24.10.4', '25.12.0'], targets: ['ath79/generic', 'x86/64'] };

/** As many different requests as there can be. */
export const MAX_REQUESTS: number = DEVICES.length * (2 ** NAMES.length - 1);

/** Requests from this number on take two seconds each and always succeed: so that an agent surely has work when it is hurt. */
export const DRILL_FROM = 1_000_000;

export interface LedgerRequest {
  readonly body: object;
  /** `fail`: `make image` fails, which is the build's honest end. */
  readonly wanted: 'image' | 'failure';
  /** The client takes it back soon after it was accepted. */
  readonly isCancelled: boolean;
}

/** Request `n` of a run: another one for each `n`, the same for the same seed. Some fail, some are slow, some have a script. */
export function ledgerRequest(seed: number, n: number): LedgerRequest {
  const random = seededRandom(seed * 1_000_003 + n);
  const device = DEVICES[n % DEVICES.length];
  const chosen = Math.floor((n % DRILL_FROM) / DEVICES.length) + 1;
  const packages: string[] = NAMES.filter((_, bit) => (chosen >> bit) & 1);
  if (n >= DRILL_FROM) {
    return {
      body: { ...device, packages: [...packages, 'knob-slow-2'] },
      wanted: 'image',
      isCancelled: false,
    };
  }
  const draw = random.next();
  if (draw < 0.04) packages.push('knob-fail');
  else if (draw < 0.08) packages.push('knob-slow-1');
  const defaults = random.next() < 0.1 ? { defaults: `# request ${n}\n` } : {};
  return {
    body: { ...device, packages, ...defaults },
    wanted: draw < 0.04 ? 'failure' : 'image',
    isCancelled: draw >= 0.04 && random.next() < 0.02,
  };
}
