import { isFinal } from '../../shared/domain/build.ts';
import { FarmError } from '../../shared/errors.ts';
import type { BuildRecord } from '../builds/build-record.ts';
import { requestEcho } from '../builds/request-echo.ts';
import { retryAfterSeconds } from '../scheduling/eta.ts';
import { CORS_HEADERS } from './cors.ts';

/** How often to ask about a build of which nobody can say when it begins, seconds. */
const UNKNOWN_POLL_SECONDS = 30;

/** A build as the client API tells it. */
export interface JobView {
  /** HTTP status, also in the body. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A build in the words of contract 2.5. `queue_position` is there only while it waits, `imagebuilder_status` always while it
 * is made: clients throw otherwise (pitfall 9). `eta_seconds` is there as long as somebody can say.
 * @param method the two methods write `enqueued_at` differently.
 * @throws FarmError `internal` for a final state without its answer.
 */
export function jobView(record: BuildRecord, method: 'POST' | 'GET'): JobView {
  const common = { enqueued_at: enqueuedAt(record.acceptedAt, method), request_hash: record.requestHash };
  switch (record.state) {
    case 'queued': {
      const position = record.position ?? 0;
      return {
        status: 202,
        body: { status: 202, detail: 'queued', queue_position: position, ...etaOf(record), ...common },
        headers: { ...headers('queued', position), ...waitHeaders(record) },
      };
    }
    case 'running':
    case 'publishing': {
      const stage = record.stage ?? (record.state === 'publishing' ? 'building_image' : 'init');
      return {
        status: 202,
        body: {
          status: 202,
          detail: 'started',
          imagebuilder_status: stage,
          ...etaOf(record),
          request: requestEcho(record),
          ...common,
        },
        headers: { ...headers(stage), ...waitHeaders(record) },
      };
    }
    case 'done':
      return { status: 200, body: { ...answerOf(record), ...common }, headers: headers('done') };
    case 'failed':
    case 'cancelled':
      return { status: 500, body: { ...answerOf(record), ...common }, headers: headers('failed') };
  }
}

/** A view as it goes on the wire. */
export interface ReadyView {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly bytes: Buffer;
}

/** Views of final builds as bytes, made once for each record object: whoever gives the same object gets the same bytes. */
export class ReadyViews {
  readonly #made = {
    GET: new WeakMap<BuildRecord, ReadyView>(),
    POST: new WeakMap<BuildRecord, ReadyView>(),
  };

  of(record: BuildRecord, method: 'POST' | 'GET'): ReadyView {
    const made = this.#made[method].get(record);
    if (made) return made;
    const { status, headers, body } = jobView(record, method);
    const bytes = Buffer.from(JSON.stringify(body));
    const view: ReadyView = {
      status,
      // With what every response bears: heads of final builds are written many thousand times.
      headers: {
        ...CORS_HEADERS,
        ...headers,
        'content-type': 'application/json; charset=utf-8',
        'content-length': String(bytes.byteLength),
      },
      bytes,
    };
    if (isFinal(record.state)) this.#made[method].set(record, view);
    return view;
  }
}

function answerOf(record: BuildRecord): Readonly<Record<string, unknown>> {
  if (record.answer) return record.answer;
  throw new FarmError('internal', `build ${record.requestHash} is ${record.state} but has no answer`);
}

function headers(imagebuilderStatus: string, position = 0): Record<string, string> {
  return { 'x-imagebuilder-status': imagebuilderStatus, 'x-queue-position': String(position) };
}

function enqueuedAt(acceptedAt: number, method: 'POST' | 'GET'): string {
  const iso = new Date(acceptedAt).toISOString();
  return method === 'GET' ? iso : iso.replace('Z', '+00:00');
}

function etaOf({ etaMs }: BuildRecord): { readonly eta_seconds?: number } {
  return etaMs === null ? {} : { eta_seconds: Math.ceil(etaMs / 1000) };
}

function waitHeaders(record: BuildRecord): Record<string, string> {
  const { etaMs } = record;
  if (etaMs === null) return { 'retry-after': String(UNKNOWN_POLL_SECONDS) };
  return {
    'retry-after': String(retryAfterSeconds(etaMs)),
    'x-eta-seconds': String(Math.ceil(etaMs / 1000)),
  };
}
