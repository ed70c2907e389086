import { setTimeout as sleep } from 'node:timers/promises';
import { tableOfTimes } from '../dispatch/report.ts';
import { timesOf } from '../dispatch/times.ts';
import { type Reach, report } from '../reach.ts';
import { timedLine, timeLines } from './follow-times.ts';
import { openLogFarm } from './log-farm.ts';

/*
 * How soon a line of a build's log is at who follows it: from the agent, through one coordinator, to clients of another one. Half
 * of the builds are followed as text, half as events. Ends with 1 when the reach is missed, or a line.
 */

const BUILDS = 20;
/** Between two lines of a build, milliseconds. */
const EVERY_MS = 20;
const MEASURE_MS = 15_000;
/** Until all that was written has arrived, milliseconds. */
const SETTLE_MS = 2_000;
const P99_REACH_MS = 300;

const took = { text: [] as number[], events: [] as number[] };
let written = 0;
{
  await using farm = await openLogFarm(BUILDS);
  const done = new AbortController();
  const following = farm.attempts.map(({ grant }, at) => {
    const form = at % 2 ? 'text' : 'events';
    const path = form === 'text' ? 'log?follow=1' : 'events';
    const url = `${farm.followUrl}/api/v1/build/${grant.lease.requestHash}/${path}`;
    return timeLines(url, done.signal, (tookMs) => took[form].push(tookMs));
  });
  for (const attempt of farm.attempts) attempt.reach('building_image');
  const writing = farm.attempts.map((attempt) =>
    setInterval(() => {
      attempt.write(timedLine());
      written += 1;
    }, EVERY_MS),
  );
  await sleep(MEASURE_MS);
  for (const timer of writing) clearInterval(timer);
  await sleep(SETTLE_MS);
  done.abort();
  await Promise.all(following);
}
const all = timesOf([...took.text, ...took.events]);
process.stdout.write(
  tableOfTimes([
    [`agent line → HTTP client, ${BUILDS} builds`, all],
    ['  as text', timesOf(took.text)],
    ['  as events', timesOf(took.events)],
  ]),
);
const reaches: readonly Reach[] = [
  {
    what: `agent line → HTTP client, p99 at most ${P99_REACH_MS} ms`,
    found: `${all.p99Ms.toFixed(0)} ms`,
    isMet: all.p99Ms <= P99_REACH_MS,
  },
  {
    what: 'every line arrives once',
    found: `${all.count} of ${written}`,
    isMet: all.count === written,
  },
];
process.exitCode = report(reaches) ? 0 : 1;
