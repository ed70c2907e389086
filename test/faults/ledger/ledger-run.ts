import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesNaming } from '../../support/processes.ts';
import { auditFiles } from './audit/files.ts';
import { acceptedBuilds, auditFinals, auditOnce } from './audit/finals.ts';
import type { Finding } from './audit/finding.ts';
import { auditLeftovers } from './audit/leftovers.ts';
import type { ClientPlan } from './client.ts';
import { allReady, type LedgerFarm, startLedgerFarm } from './farm.ts';
import type { FaultKind } from './fault-kind.ts';
import { type LedgerLine, readLedger } from './ledger-file.ts';
import { Noise } from './noise.ts';
import { measureRecovery, type RecoveryTimes } from './recovery-times.ts';
import { DRILL_FROM } from './requests.ts';
import { type RunningClient, startClient } from './running-client.ts';
import { planFaults } from './schedule.ts';
import { type DoneFault, runStorm } from './storm.ts';
import { wentThrough } from './went-through.ts';

export interface LedgerOptions {
  readonly seed: number;
  readonly builds: number;
  /** Where results are kept. */
  readonly place: 'bucket' | 'folder';
  /** What is done to the farm. */
  readonly kinds: readonly FaultKind[];
  /** How thoroughly recovery times are measured: 1 as usual, 0 not at all. */
  readonly drills: number;
  /** Empty; everything of the run lies below it. */
  readonly folder: string;
  readonly stop: AbortSignal;
  readonly onEvent: (text: string) => void;
}

export interface LedgerReport {
  readonly lines: readonly LedgerLine[];
  readonly faults: readonly DoneFault[];
  readonly findings: readonly Finding[];
  readonly recovery: readonly RecoveryTimes[];
  /** See `wentThrough`. */
  readonly events: ReadonlyMap<string, number>;
  readonly skipped: readonly string[];
  readonly unaskedEnds: readonly string[];
  readonly noise: string;
  readonly tookMs: number;
}

const COORDINATORS = 2;
const AGENTS = 4;
const SLOTS = 2;
/** Most of them wait, so that there is work wherever it strikes, and for those that are whole while others are hurt. */
const MAX_OPEN = 3 * AGENTS * SLOTS;
/** A farm that makes less while it is hurt ends its run in peace. */
const SLOWEST_PER_SECOND = 1;
/** Within this long, at least, every kind of fault occurs. */
const SHORTEST_MS = 48_000;
const BUILD_BYTES = 160 * 1024;
/** When a farm that is whole has ended no build for so long, what is open will never end, milliseconds. */
const NO_NEWS_MS = 90_000;
/** More than are asked for while recovery times are measured. */
const DRILL_BUILDS = 20_000;
/** While recovery times are measured as often as usual, about half as many are made. */
const DRILL_MADE = 1_000;
const DRILL_OPEN = (AGENTS * SLOTS) / 2;
/** Uploads that nobody owns are swept up at the second look, of one each minute. */
const SWEPT_MS = 150_000;
/** Runs of less builds do not wait for that. */
const LONG_RUN = 1_000;
const UNSWEPT_MS = 15_000;

/** Starts a farm, hurts it while a client asks for builds, heals it and balances the books. */
export async function runLedger(options: LedgerOptions): Promise<LedgerReport> {
  const { seed, builds, folder, stop } = options;
  const began = Date.now();
  const noise = new Noise();
  const farm = await startLedgerFarm(folder, {
    coordinators: COORDINATORS,
    agents: AGENTS,
    slots: SLOTS,
    place: options.place,
    artifactBytes: 64 * 1024 ** 2 + (builds + options.drills * DRILL_MADE) * BUILD_BYTES,
  });
  let findings: readonly Finding[] = [];
  let faults: readonly DoneFault[] = [];
  let recovery: readonly RecoveryTimes[] = [];
  let events: LedgerReport['events'] = new Map();
  let unaskedEnds: readonly string[] = [];
  const ledgerPath = join(folder, 'ledger.jsonl');
  const refusals = options.kinds.map((kind) => ({ kind, refusal: kind.refusal?.(farm) }));
  try {
    await allReady(farm, 30_000);
    const plan: ClientPlan = {
      urls: farm.coordinators.map(({ httpUrl }) => httpUrl),
      adminToken: farm.adminToken,
      ledgerPath,
      seed,
      first: 0,
      builds,
      perSecond: builds / (SHORTEST_MS / 1_000),
      maxOpen: MAX_OPEN,
    };
    const kinds = refusals.filter(({ refusal }) => refusal === undefined).map(({ kind }) => kind);
    if (kinds.length === 0) throw new Error('none of these faults can be made on this machine');
    faults = await hurt(farm, { ...options, kinds }, plan);
    if (options.drills > 0) recovery = await drill(farm, options, { ...plan, first: DRILL_FROM });
    stop.throwIfAborted();
    findings = await audit(farm, await readLedger(ledgerPath), options);
    events = await wentThrough(farm);
    unaskedEnds = farm.processes().flatMap((process) => process.unaskedEnds);
  } finally {
    await farm[Symbol.asyncDispose]();
  }
  const left = processesNaming(folder).filter(({ pid }) => pid !== process.pid);
  return {
    lines: await readLedger(ledgerPath),
    faults,
    findings: [...findings, { check: 'no process outlives the farm', looked: 1, problems: left.map(textOf) }],
    recovery,
    events,
    skipped: refusals.flatMap(({ kind, refusal }) =>
      refusal === undefined ? [] : `${kind.name}: ${refusal}`,
    ),
    unaskedEnds,
    noise: noise.text(),
    tookMs: Date.now() - began,
  };
}

/** What is planned for the seed is done until all builds were accepted; then the farm is whole and ends them. */
async function hurt(
  farm: LedgerFarm,
  { seed, builds, kinds, stop, onEvent }: LedgerOptions,
  plan: ClientPlan,
): Promise<readonly DoneFault[]> {
  await using client = startClient(plan);
  const durationMs = Math.max(SHORTEST_MS, (builds / SLOWEST_PER_SECOND) * 1_000);
  const planned = planFaults(kinds, { seed, durationMs, agents: AGENTS, coordinators: COORDINATORS });
  onEvent(`${builds} builds, faults until all are accepted, ${kinds.length} at least`);
  const storm = { seed, least: kinds.length, enough: client.allAccepted, stop, onFault: onEvent };
  const faults = await runStorm(farm, planned, storm);
  onEvent('the farm is whole again');
  await lastBuilds(client, stop);
  return faults;
}

/** Waits for the client to hear the end of every build; one that never ends is found by the audit. */
async function lastBuilds(client: RunningClient, stop: AbortSignal): Promise<void> {
  let heardAt = Date.now();
  let known = '';
  let isDone = false;
  const done = client.done.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined);
  while (!isDone && !stop.aborted) {
    const text = JSON.stringify(client.progress());
    if (text !== known) heardAt = Date.now();
    known = text;
    if (Date.now() - heardAt > NO_NEWS_MS) client.stop();
    await sleep(100);
  }
  if (isDone) await done;
}

/** Recovery times, of a farm that makes builds of two seconds in half its slots: what is struck finds another one free. */
async function drill(
  farm: LedgerFarm,
  { drills, stop, onEvent }: LedgerOptions,
  plan: ClientPlan,
): Promise<readonly RecoveryTimes[]> {
  await using client = startClient({ ...plan, builds: DRILL_BUILDS, perSecond: 1.5, maxOpen: DRILL_OPEN });
  const times = await measureRecovery(farm, drills, stop, onEvent);
  client.enough();
  await lastBuilds(client, stop);
  return times;
}

async function audit(
  farm: LedgerFarm,
  lines: readonly LedgerLine[],
  { seed, builds: wanted }: LedgerOptions,
): Promise<Finding[]> {
  const waitsForSweep = wanted >= LONG_RUN;
  const builds = acceptedBuilds(lines, seed);
  const wrong = lines.flatMap((line) =>
    line.kind === 'wrong' ? `${line.hash.slice(0, 12)} ${line.what}` : [],
  );
  return [
    await auditFinals(farm, builds),
    await auditOnce(farm, builds),
    { check: 'no client was told what cannot be', looked: lines.length, problems: wrong },
    await auditFiles({
      results: farm.results,
      urls: farm.coordinators.map(({ httpUrl }) => httpUrl),
    }),
    await auditLeftovers(
      farm,
      waitsForSweep ? { patienceMs: SWEPT_MS } : { patienceMs: UNSWEPT_MS, isUnswept: true },
    ),
  ];
}

function textOf({ pid, command }: { readonly pid: number; readonly command: string }): string {
  return `${pid}: ${command.slice(0, 120)}`;
}
