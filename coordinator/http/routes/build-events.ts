import type { FastifyInstance, FastifyReply } from 'fastify';
import { parsePosition } from '../../follow/log-position.ts';
import { buildEvents, endId } from '../build-events.ts';
import { type FollowDependencies, sendFollowed } from '../follow-reply.ts';
import { getRoute } from '../get-route.ts';
import { NOT_FOUND, TOO_MANY, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { formatEvent, formatRetry, HEARTBEAT, type ServerSentEvent } from '../sse.ts';
import { requireBuild } from './build-log.ts';

/** Below the idle time of usual proxies, milliseconds. */
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 1_000;

const DOC: RouteDoc = {
  summary: 'A build as it happens, as Server-Sent Events; Last-Event-ID goes on where a stream broke off',
  tag: 'builds',
  answers: {
    200: {
      description:
        'state: {state, stage, attempt, queue_position, eta_seconds}. log: lines of the log. lost: {attempt}, its log ends and ' +
        'the next one begins. gap: {skipped_bytes}, the client is too slow and goes on with what is newest. ' +
        'done: the final answer; the stream ends.',
      type: 'text/event-stream',
    },
    204: { description: 'The client has seen all there is.' },
    404: NOT_FOUND,
    429: TOO_MANY,
    503: UNAVAILABLE,
  },
};

/** A build as it happens: `EventSource` in a browser shows it, and comes back by itself, to any coordinator. */
export function buildEventsRoutes(app: FastifyInstance, deps: FollowDependencies): void {
  getRoute<{ Params: { hash: string } }>(app, '/api/v1/build/:hash/events', DOC, async (request, reply) => {
    const { hash } = request.params;
    await requireBuild(deps, hash);
    const lastId = String(request.headers['last-event-id'] ?? '');
    const record = lastId.endsWith('-end') ? await deps.get(hash) : undefined;
    // The one answer after which a browser does not come back.
    if (record?.answer && lastId === endId(record)) return reply.code(204).send();
    const options = { follow: true, from: parsePosition(lastId) };
    const sent = sendFollowed(deps, reply, 'text/event-stream', (signal) =>
      bytesOf(buildEvents(deps.follower.follow(hash, { ...options, signal }))),
    );
    beat(reply);
    return sent;
  });
}

async function* bytesOf(events: AsyncIterable<ServerSentEvent>): AsyncGenerator<Buffer> {
  yield formatRetry(RETRY_MS);
  for await (const event of events) yield formatEvent(event);
}

/** Between events, which are always written whole; never onto what the client has not taken yet. */
function beat({ raw }: FastifyReply): void {
  const beating = setInterval(() => {
    if (raw.headersSent && !raw.writableEnded && raw.writableLength === 0) raw.write(HEARTBEAT);
  }, HEARTBEAT_MS);
  raw.once('close', () => clearInterval(beating));
}
