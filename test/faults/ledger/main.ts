import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf } from '../../../shared/errors.ts';
import { allKinds } from './kinds.ts';
import { type LedgerOptions, runLedger } from './ledger-run.ts';
import { MAX_REQUESTS } from './requests.ts';
import { balances, table } from './table.ts';

/* `npm run faults -- --seed N --builds M`: hurts a farm in every way, and proves that nothing accepted was lost. */

const HELP = `npm run faults -- [--seed N] [--builds M] [--without NAME …] [--only NAME …] [--bucket] [--drills X] [--keep] [--quiet]
Exit code 0 when the ledger balances, 1 when it does not, 2 when there is no such run. Names of faults: a part is enough.
--bucket: results are kept in a bucket, which is hurt as well.
Recovery times are measured X times as often as usual: by default once from 1,000 builds on, and not below.
`;

const OPTIONS = {
  seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 1_000_000)) },
  builds: { type: 'string', default: '2000' },
  without: { type: 'string', multiple: true, default: [] },
  only: { type: 'string', multiple: true, default: [] },
  bucket: { type: 'boolean', default: false },
  drills: { type: 'string' },
  keep: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

const values = given();

function given() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (thrown) {
    console.error(`${messageOf(thrown)}\n\n${HELP}`);
    process.exit(2);
  }
}

function wholeNumber(name: 'seed' | 'builds', most: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`--${name} is a whole number from 1 to ${most}`);
}

/** What the command line asks for; a RangeError says what it cannot be. */
function wantedRun(): Pick<LedgerOptions, 'seed' | 'builds' | 'place' | 'kinds' | 'drills'> {
  const seed = wholeNumber('seed', 2 ** 31);
  const builds = wholeNumber('builds', MAX_REQUESTS);
  const named = (parts: readonly string[], name: string): boolean =>
    parts.some((part) => name.includes(part));
  const place = values.bucket ? 'bucket' : 'folder';
  const kinds = allKinds(place).filter(
    ({ name }) => !named(values.without, name) && (values.only.length === 0 || named(values.only, name)),
  );
  if (kinds.length === 0) {
    const names = allKinds(place).map(({ name }) => name);
    throw new RangeError(`--only and --without leave none of the faults: ${names.join(', ')}`);
  }
  const drills = Number(values.drills ?? (builds >= 1_000 ? 1 : 0));
  if (!(drills >= 0)) throw new RangeError('--drills is a number from 0 on');
  return { seed, builds, place, kinds, drills };
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  let wanted: ReturnType<typeof wantedRun>;
  try {
    wanted = wantedRun();
  } catch (thrown) {
    console.error(messageOf(thrown));
    return 2;
  }
  const stop = new AbortController();
  // Every fault that waits for its time listens.
  setMaxListeners(0);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => stop.abort(new Error(signal)));
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-ledger-'));
  const began = Date.now();
  const onEvent = (text: string): void => {
    if (!values.quiet) console.error(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)}  ${text}`);
  };
  let isToBeKept = values.keep;
  try {
    const report = await runLedger({ ...wanted, folder, stop: stop.signal, onEvent });
    console.log(table(report, wanted.seed));
    isToBeKept ||= !balances(report) || report.unaskedEnds.length > 0;
    return balances(report) ? 0 : 1;
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
    console.error('stopped; the farm was ended, and nothing is balanced');
    return 130;
  } finally {
    if (isToBeKept) console.log(`logs and ledger: ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  }
}

// All is closed by now. Sockets that a cut line reset can leave requests behind that Node 20 waits for at its end, for ever.
process.exit(await main());
