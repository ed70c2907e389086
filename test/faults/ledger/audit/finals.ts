import type { LedgerFarm } from '../farm.ts';
import type { AnswerLine, LedgerLine } from '../ledger-file.ts';
import { ledgerRequest } from '../requests.ts';
import type { Finding } from './finding.ts';
import { inParallel } from './in-parallel.ts';

/** Begins the reason of a build that the farm gave up after too many losses. Source: `lossText`. */
const GIVEN_UP = 'Error: The build was lost ';

/** A build that was accepted, by what the client wrote down. */
export interface AcceptedBuild {
  readonly hash: string;
  readonly wanted: 'image' | 'failure';
  readonly wasCancelled: boolean;
  readonly answers: readonly AnswerLine[];
}

export function acceptedBuilds(lines: readonly LedgerLine[], seed: number): readonly AcceptedBuild[] {
  const byHash = new Map<string, AnswerLine[]>();
  const cancelled = new Set<string>();
  for (const line of lines) {
    if (line.kind === 'cancel') cancelled.add(line.hash);
    if (line.kind !== 'accepted' && line.kind !== 'again' && line.kind !== 'answer') continue;
    byHash.set(line.hash, [...(byHash.get(line.hash) ?? []), line]);
  }
  return [...byHash].map(([hash, answers]) => ({
    hash,
    answers,
    wanted: ledgerRequest(seed, answers[0]?.n ?? 0).wanted,
    wasCancelled: cancelled.has(hash),
  }));
}

/** Every accepted build is in exactly one final state, which every coordinator tells. */
export async function auditFinals(farm: LedgerFarm, builds: readonly AcceptedBuild[]): Promise<Finding> {
  const problems: string[] = [];
  const notes: string[] = [];
  await inParallel(builds, 16, async (build) => {
    const told = await Promise.all(farm.coordinators.map(({ httpUrl }) => ask(httpUrl, build.hash)));
    const short = `${build.hash.slice(0, 12)} (request ${build.answers[0]?.n})`;
    const [first] = told;
    if (!first) return;
    if (told.some((each) => each.status !== first.status || each.binDir !== first.binDir)) {
      problems.push(`${short}: coordinators tell ${told.map(textOf).join(' and ')}`);
    } else if (first.status === 404) problems.push(`${short}: lost`);
    else if (first.status !== 200 && first.status !== 500) problems.push(`${short}: still ${textOf(first)}`);
    else if (first.status === 500 && build.wanted === 'image' && !build.wasCancelled) {
      if (first.detail.startsWith(GIVEN_UP)) notes.push(`${short}: ${first.detail}`);
      else problems.push(`${short}: failed, and was to be made: ${first.detail}`);
    } else if (first.status === 200 && build.wanted === 'failure')
      problems.push(`${short}: done, and was to fail`);
  });
  return { check: 'accepted builds are in one final state', looked: builds.length, problems, notes };
}

/** Nothing was finished twice: neither by what clients were told, nor by what the store holds. */
export async function auditOnce(farm: LedgerFarm, builds: readonly AcceptedBuild[]): Promise<Finding> {
  const problems: string[] = [];
  for (const { hash, answers, wanted, wasCancelled } of builds) {
    // What failed by the farm's or a machine's fault, or was cancelled, is rightly made anew for who asks again.
    if (wanted === 'failure' || wasCancelled || answers.some(({ status }) => status === 500)) continue;
    const short = `${hash.slice(0, 12)} (request ${answers[0]?.n})`;
    const ends = new Set(answers.flatMap(({ binDir }) => binDir ?? []));
    if (ends.size > 1) problems.push(`${short}: clients were told ${ends.size} results`);
    const births = new Set(answers.flatMap(({ enqueuedAt }) => enqueuedAt ?? []));
    if (births.size > 1) problems.push(`${short}: made anew: accepted at ${[...births].join(', ')}`);
    const finalAt = answers.findIndex(({ status }) => status === 200 || status === 500);
    const after = finalAt < 0 ? undefined : answers.slice(finalAt).find(({ status }) => status === 202);
    if (after) problems.push(`${short}: final, and later ${after.said} at coordinator ${after.coordinator}`);
    const gone = answers.find(({ status }) => status === 404);
    if (gone) problems.push(`${short}: coordinator ${gone.coordinator} did not know it`);
    const count = await farm.results.countOf(hash);
    if (count > 1) problems.push(`${short}: ${count} results are in the store`);
  }
  return { check: 'no build was finished twice', looked: builds.length, problems };
}

interface Told {
  readonly status: number;
  readonly detail: string;
  readonly binDir: string;
}

async function ask(url: string, hash: string): Promise<Told> {
  try {
    const response = await fetch(`${url}/api/v1/build/${hash}`, { signal: AbortSignal.timeout(10_000) });
    const body = (await response.json()) as Record<string, unknown>;
    return {
      status: response.status,
      detail: String(body.detail ?? ''),
      binDir: response.status === 202 ? '' : String(body.bin_dir ?? ''),
    };
  } catch (thrown) {
    return { status: 0, detail: String(thrown), binDir: '' };
  }
}

function textOf({ status, detail }: Told): string {
  return `${status} ${detail.slice(0, 80)}`;
}
