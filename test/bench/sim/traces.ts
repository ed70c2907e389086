import {
  exponential,
  factorAround1,
  type Random,
  seededRandom,
  weightedDraw,
  zipfWeights,
} from './random.ts';
import {
  type Arrival,
  type Change,
  NEW_VERSION,
  type SimBuilder,
  simAgents,
  simBuilder,
  simBuilders,
  type Trace,
  targetName,
  VERSIONS,
} from './workload.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** What asu's farm drains (openwrt/asu#1369). */
const USUAL_PER_MINUTE = 5;
/** What asu's farm is asked for on an ordinary day (openwrt/asu#600). */
const QUIET_PER_MINUTE = 1_000 / (24 * 60);
/** Clients that ask again and again; the others ask once. */
const REGULARS = 50;

interface Mix {
  readonly random: Random;
  readonly draw: () => SimBuilder;
}

function mixOf(seed: number, exponent: number): Mix {
  const builders = simBuilders(seed);
  const draw = weightedDraw(zipfWeights(builders.length, exponent));
  const random = seededRandom(seed + 1);
  const [fallback] = builders;
  if (!fallback) throw new Error('no builders');
  return { random, draw: () => builders[draw(random)] ?? fallback };
}

/** Requests at a constant rate from `fromMs` to `toMs`. */
function steady(mix: Mix, fromMs: number, toMs: number, perMinute: number, label: string): Arrival[] {
  const arrivals: Arrival[] = [];
  const { random } = mix;
  let atMs = fromMs;
  for (;;) {
    atMs += exponential(random, MINUTE_MS / perMinute);
    if (atMs >= toMs) return arrivals;
    const isRegular = random.next() < 0.2;
    const client = isRegular
      ? `regular-${Math.floor(random.next() * REGULARS)}`
      : `${label}-${arrivals.length}`;
    arrivals.push({
      atMs,
      client,
      priority: isRegular && random.next() < 0.25 ? 'bulk' : 'device',
      builder: mix.draw(),
      buildFactor: factorAround1(random, 0.3),
    });
  }
}

function history(mix: Mix, perMinute: number): Trace['history'] {
  const past = steady(mix, -14 * 24 * HOUR_MS, 0, perMinute, 'past');
  return past.map(({ builder, atMs }) => ({ token: builder.token, atMs }));
}

const byTime = (left: { atMs: number }, right: { atMs: number }): number => left.atMs - right.atMs;

/** A day of the usual load over 120 builders. */
export function zipfDay(seed: number, exponent: number): Trace {
  const mix = mixOf(seed, exponent);
  return {
    name: `zipf ${exponent}`,
    agents: simAgents(10, seed),
    history: history(mix, USUAL_PER_MINUTE),
    arrivals: steady(mix, 0, 24 * HOUR_MS, USUAL_PER_MINUTE, 'once'),
    changes: [],
    releases: [],
  };
}

/** The same mix, 3,000 builds of it within a minute: how long the whole of it takes. */
export function zipfBacklog(seed: number, exponent: number): Trace {
  const mix = mixOf(seed, exponent);
  return {
    name: `backlog ${exponent}`,
    agents: simAgents(10, seed),
    history: history(mix, USUAL_PER_MINUTE),
    arrivals: steady(mix, 0, MINUTE_MS, 3_000, 'once'),
    changes: [],
    releases: [],
  };
}

/** A quiet day with a new version announced at 6:00, half an hour after upstream has it: 20 times the requests for six hours. */
export function releaseDay(seed: number, exponent: number): Trace {
  const mix = mixOf(seed, exponent);
  const targets = Array.from({ length: 30 }, (_, at) => at);
  const fresh = targets.map((at) => simBuilder(NEW_VERSION, at, seed));
  const weights = targets.map((at) => (at * VERSIONS.length + 1) ** -exponent);
  const draw = weightedDraw(weights);
  const [fallback] = fresh;
  if (!fallback) throw new Error('no builders');
  const rush: Mix = { random: mix.random, draw: () => fresh[draw(mix.random)] ?? fallback };
  const usual = steady(mix, 0, 24 * HOUR_MS, QUIET_PER_MINUTE, 'once');
  const added = steady(rush, 6 * HOUR_MS, 12 * HOUR_MS, 19 * QUIET_PER_MINUTE, 'rush');
  return {
    name: 'release day',
    agents: simAgents(10, seed),
    history: history(mix, QUIET_PER_MINUTE),
    arrivals: [...usual, ...added].sort(byTime),
    changes: [],
    releases: [
      {
        atMs: 5.5 * HOUR_MS,
        version: NEW_VERSION,
        follows: VERSIONS[0],
        targets: targets.map(targetName),
      },
    ],
  };
}

/** Half a day of the usual load; at 2:00 one client sends 5,000 requests within a minute, in the class of devices. */
export function floodedDay(seed: number, exponent: number, flood = 5_000): Trace {
  const mix = mixOf(seed, exponent);
  const usual = steady(mix, 0, 12 * HOUR_MS, USUAL_PER_MINUTE, 'once');
  const past = history(mix, USUAL_PER_MINUTE);
  const flooded = Array.from(
    { length: flood },
    (_, at): Arrival => ({
      atMs: 2 * HOUR_MS + (at * MINUTE_MS) / 5_000,
      client: 'flooder',
      priority: 'device',
      builder: mix.draw(),
      buildFactor: factorAround1(mix.random, 0.3),
    }),
  );
  return {
    name: flood > 0 ? 'flood' : 'no flood',
    agents: simAgents(10, seed),
    history: past,
    arrivals: [...usual, ...flooded].sort(byTime),
    changes: [],
    releases: [],
    flooder: 'flooder',
  };
}

/** A day of the usual load on machines that come and go: each stays 4 h and is away 30 min, half of them come back empty. */
export function comingAndGoing(seed: number, exponent: number): Trace {
  const day = zipfDay(seed, exponent);
  const random = seededRandom(seed + 2);
  const agents = simAgents(12, seed);
  const changes: Change[] = [];
  for (const { agentId } of agents) {
    let atMs = exponential(random, 4 * HOUR_MS);
    while (atMs < 24 * HOUR_MS) {
      changes.push({ atMs, agentId, kind: 'leave' });
      atMs += exponential(random, HOUR_MS / 2);
      changes.push({ atMs, agentId, kind: random.next() < 0.5 ? 'join-empty' : 'join' });
      atMs += exponential(random, 4 * HOUR_MS);
    }
  }
  return { ...day, name: 'come and go', agents, changes: changes.sort(byTime) };
}
