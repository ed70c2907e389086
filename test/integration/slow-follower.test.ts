import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BuildFollower } from '../../coordinator/follow/build-follower.ts';
import { WatchedBuilds } from '../../coordinator/follow/watched-builds.ts';
import { buildEventsRoutes } from '../../coordinator/http/routes/build-events.ts';
import { Places } from '../../coordinator/places.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { BuildFarm, OWNER } from '../support/build-farm.ts';
import { EventReader, logLines, type ReadEvent } from '../support/event-reader.ts';

const CHUNK_BYTES = 60 * 1024;
/** 19 MB: more than the buffers of a connection take from a server whose client reads nothing. */
const CHUNKS = 320;

const MAX_LOG_BYTES = 2 * CHUNKS * CHUNK_BYTES;

let farm: BuildFarm;
let app: FastifyInstance;
let url: string;

beforeEach(async () => {
  farm = await BuildFarm.start();
  const { attempts, service, watch } = farm.builds;
  const get = service.get.bind(service);
  const watched = new WatchedBuilds({ get, readLog: (id, from) => attempts.readLog(id, from), watch });
  app = fastify();
  buildEventsRoutes(app, {
    get,
    // Without patience only the bytes that a reader is behind tell a slow one.
    follower: new BuildFollower({ attempts, files: farm.artifacts, watched, patienceMs: 0 }),
    ownerOf: () => OWNER,
    places: new Places({ max: 9, maxPerHolder: 9, what: 'followers' }),
    closing: new AbortController().signal,
  });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await app.close();
  await farm[Symbol.asyncDispose]();
});

/** The n-th line, as long as a chunk. */
function lineOf(at: number): string {
  return `${'x'.repeat(CHUNK_BYTES - 10)} ${at}`;
}

async function write(lease: Lease, at: number): Promise<void> {
  await farm.builds.attempts.appendLog(lease, at, Buffer.from(`${lineOf(at)}\n`), MAX_LOG_BYTES);
  farm.builds.watch.notify(lease.requestHash, 'log');
}

const says =
  (at: number) =>
  ({ event, data }: ReadEvent): boolean =>
    event === 'log' && data.endsWith(` ${at}`);

test('a client that does not read goes on with what is newest, and others miss nothing for it', async () => {
  await farm.submit();
  const lease = await farm.claim('agent-1');
  if (!lease) throw new Error('there is a build to claim');
  await farm.builds.attempts.openAttempt(lease, 'stream-1');
  const events = `${url}/api/v1/build/${lease.requestHash}/events`;
  const [slow, quick] = await Promise.all([EventReader.open(events), EventReader.open(events)]);
  await write(lease, 0);
  await Promise.all([slow.until(says(0)), quick.until(says(0))]);

  // Each line is written when the quick one has the line before.
  for (let at = 1; at < CHUNKS; at += 1) {
    await write(lease, at);
    expect((await quick.until(says(at))).filter(({ event }) => event !== 'state')).toHaveLength(1);
  }
  const told = await slow.until(says(CHUNKS - 1));
  quick.close();
  slow.close();

  const lines = logLines(told);
  const [gap, ...more] = told.filter(({ event }) => event === 'gap');
  expect(more).toEqual([]);
  expect(told.at(-2)).toBe(gap);
  expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_line, index) => lineOf(index + 1)));
  const bytesOf = (texts: readonly string[]): number =>
    texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
  const written = Array.from({ length: CHUNKS - 1 }, (_each, index) => lineOf(index + 1));
  expect(JSON.parse(gap?.data ?? '')).toEqual({ skipped_bytes: bytesOf(written) - bytesOf(lines) });
});
