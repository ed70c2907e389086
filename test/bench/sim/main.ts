import { type Outcome, outcomeKey } from './outcome.ts';
import { type PolicyName, play } from './play.ts';
import { zipfWeights } from './random.ts';
import { lineOfDelays, reachesOf } from './reach.ts';
import { percent, type Row, tableOf } from './table.ts';
import { comingAndGoing, floodedDay, releaseDay, zipfBacklog, zipfDay } from './traces.ts';
import type { Trace } from './workload.ts';

/*
 * How well the farm's scheduling does on traces, beside random placement and one FIFO with cold starts. The functions of
 * coordinator/scheduling decide; machines, time and requests are simulated. Same seed, same table. Ends with 1 when a reach is missed.
 *
 * How skewed requests are: asu's own counts by version and profile (openwrt/asu#312). On sysupgrade.openwrt.org one profile of one
 * version was 363 of 875 builds (2021-11-12) and 593 of 1,385 (11-30), 41 and 43 %; on asu.aparcar.org 704 of 2,833 (10-19), 25 %. A
 * builder serves many profiles, so the most wanted builder has at least that. Zipf's first of 120 has 41 % at exponent 1.5, and 25 % at 1.15.
 * The reach is judged at 1.5, the server the reach is about; 1.3 and 1.15 are shown beside it, with what no placement could exceed.
 */

const EXPONENT = 1.5;
const LESS_SKEWED = [1.3, 1.15];
const PLACES = 40;
const ALL: readonly PolicyName[] = ['warm-first', 'random', 'fifo-cold'];

const seed = Number(process.argv[2] ?? 1);
const rows: Row[] = [];

const zipf = run(zipfDay(seed, EXPONENT));
for (const exponent of LESS_SKEWED) run(zipfDay(seed, exponent));
const backlog = run(zipfBacklog(seed, EXPONENT));
const release = run(releaseDay(seed, EXPONENT));
const noFlood = run(floodedDay(seed, EXPONENT, 0), ['warm-first']);
const flood = run(floodedDay(seed, EXPONENT));
run(comingAndGoing(seed, EXPONENT));

const judged = {
  zipf: zipf('warm-first'),
  backlog: backlog('warm-first'),
  backlogAtRandom: backlog('random'),
  release: release('warm-first'),
  releaseFifo: release('fifo-cold'),
  flood: flood('warm-first'),
  noFlood: noFlood('warm-first'),
};
const reaches = reachesOf(judged);
process.stdout.write(`seed ${seed}; ${outcomeKey}\n\n${tableOf(rows)}\n`);
for (const exponent of [EXPONENT, ...LESS_SKEWED])
  process.stdout.write(
    `zipf ${exponent}: the ${PLACES} most wanted builders, one copy each and never removed, would have ${percent(shareOfFirst(PLACES, exponent))} of the requests\n`,
  );
process.stdout.write(`${lineOfDelays(judged)}\n`);
for (const { what, found, isMet } of reaches)
  process.stdout.write(`${isMet ? 'met   ' : 'MISSED'} ${what}: ${found}\n`);
process.exitCode = reaches.every(({ isMet }) => isMet) ? 0 : 1;

/** Plays a trace under each policy, into the table. */
function run(trace: Trace, policies: readonly PolicyName[] = ALL): (policy: PolicyName) => Outcome {
  const outcomes = new Map(policies.map((policy) => [policy, play(trace, policy, seed)]));
  for (const [policy, outcome] of outcomes) rows.push({ trace: trace.name, policy, outcome });
  return (policy) => {
    const outcome = outcomes.get(policy);
    if (!outcome) throw new Error(`${trace.name} was not played under ${policy}`);
    return outcome;
  };
}

function shareOfFirst(places: number, exponent: number): number {
  const weights = zipfWeights(120, exponent);
  const sum = (of: readonly number[]): number => of.reduce((total, weight) => total + weight, 0);
  return sum(weights.slice(0, places)) / sum(weights);
}
