import type { BuildRecord } from '../builds/build-record.ts';
import type { BuildNews } from '../follow/build-follower.ts';
import { type LinesRead, LogLines } from '../follow/log-lines.ts';
import { formatPosition } from '../follow/log-position.ts';
import { jobView } from './job-view.ts';
import type { ServerSentEvent } from './sse.ts';

/** An expected end that moved by less is no news: clients count down themselves. */
const ETA_NEWS_MS = 2_000;

/** How a build stands, as its 202 answer tells it. */
export interface BuildState {
  readonly state: string;
  readonly stage: string | null;
  readonly attempt: number;
  readonly queue_position?: number;
  readonly eta_seconds?: number;
}

/** What a build's events say before its end. */
export function buildState(record: BuildRecord): BuildState {
  const { body } = jobView(record, 'GET');
  const { queue_position: position, imagebuilder_status: stage, eta_seconds: eta } = body;
  return {
    state: record.state,
    stage: typeof stage === 'string' ? stage : null,
    attempt: record.attempt,
    ...(typeof position === 'number' ? { queue_position: position } : {}),
    ...(typeof eta === 'number' ? { eta_seconds: eta } : {}),
  };
}

/** The id of the last event: who comes back with it has seen all. */
export function endId(record: BuildRecord): string {
  return `${record.generation}-end`;
}

/** A build's news as events for clients. Ids stand on what tells of the log, and let it be resumed without gap or double. */
export async function* buildEvents(news: AsyncIterable<BuildNews>): AsyncGenerator<ServerSentEvent> {
  const log = new LogLines();
  let told: { readonly text: string; readonly endsAt: number | undefined } | undefined;
  for await (const each of news) {
    if (each.kind === 'log') {
      const read = log.push(each.bytes, each.start);
      if (read) yield logEvent(read);
      continue;
    }
    if (each.kind === 'state') {
      const { eta_seconds: eta, ...state } = buildState(each.record);
      const text = JSON.stringify(state);
      const endsAt = eta === undefined ? undefined : performance.now() + eta * 1000;
      if (told?.text === text && !hasMoved(told.endsAt, endsAt)) continue;
      told = { text, endsAt };
      yield { event: 'state', lines: [JSON.stringify(buildState(each.record))] };
      continue;
    }
    const rest = log.flush();
    if (rest) yield logEvent(rest);
    if (each.kind === 'final')
      yield {
        event: 'done',
        id: endId(each.record),
        lines: [JSON.stringify(jobView(each.record, 'GET').body)],
      };
    else {
      const { kind, next, ...facts } = each;
      const said = kind === 'gap' ? { skipped_bytes: each.skippedBytes } : facts;
      yield { event: kind, id: formatPosition(next), lines: [JSON.stringify(said)] };
    }
  }
}

function hasMoved(before: number | undefined, now: number | undefined): boolean {
  if (before === undefined || now === undefined) return before !== now;
  return Math.abs(now - before) > ETA_NEWS_MS;
}

function logEvent({ lines, end }: LinesRead): ServerSentEvent {
  return { event: 'log', id: formatPosition(end), lines };
}
