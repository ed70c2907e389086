import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import type { Grant } from '../../shared/messages/pull.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { EventReader, logLines, type ReadEvent } from '../support/event-reader.ts';
import { grantTo } from '../support/grant.ts';
import { useFarm } from '../support/use-farm.ts';
import { WireAgent } from '../support/wire-agent.ts';
import { ARCHER, NO_HASH } from '../support/wire-builds.ts';
import { WrittenAttempt } from '../support/written-attempt.ts';

/* The log is written through the first coordinator and followed at the second. */

const used = useFarm({ agents: 0, coordinators: 2, coordinator: { maxFollowersPerClient: '8' } });
const client = new BuildClient(() => used.farm.url);
const agents: WireAgent[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wrtfarm-log-'));
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A build that nobody asked for before, granted to an agent of its own. */
async function granted(name: string): Promise<{ readonly hash: string; readonly grant: Grant }> {
  const hash = hashOf(await client.post({ ...ARCHER, packages: [name] }));
  return { hash, grant: await grantAgain() };
}

async function grantAgain(warm?: BuilderSource): Promise<Grant> {
  const agent = await WireAgent.start(used.farm.nats.url, `agent-${randomBytes(4).toString('hex')}`);
  agents.push(agent);
  return await grantTo(agent, warm);
}

async function open(grant: Grant): Promise<WrittenAttempt> {
  const addresses = used.farm.coordinators.map(({ grpcAddress }) => grpcAddress);
  return await WrittenAttempt.open(grant, folder, addresses);
}

async function eventsOf(hash: string, lastEventId?: string, coordinator = 1): Promise<EventReader> {
  const url = used.farm.coordinators[coordinator]?.httpUrl ?? '';
  return await EventReader.open(`${url}/api/v1/build/${hash}/events`, lastEventId);
}

const isEnd = ({ event }: ReadEvent): boolean => event === 'done';
const says =
  (text: string) =>
  ({ event, data }: ReadEvent): boolean =>
    event === 'log' && data.split('\n').includes(text);
const inStage =
  (stage: string) =>
  ({ event, data }: ReadEvent): boolean =>
    event === 'state' && (JSON.parse(data) as { stage: string }).stage === stage;

test('a build is told from the queue to its end, with every line of its log', async () => {
  const hash = hashOf(await client.post({ ...ARCHER, packages: ['vim'] }));
  const events = await eventsOf(hash);
  expect(Object.fromEntries(events.response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'access-control-allow-origin': '*',
  });
  const first = await events.next();
  expect([first?.event, JSON.parse(first?.data ?? '')]).toEqual([
    'state',
    expect.objectContaining({ state: 'queued', stage: null, attempt: 0, queue_position: 0 }),
  ]);
  await using attempt = await open(await grantAgain());
  attempt.reach('building_image');
  await events.until(inStage('building_image'));
  attempt.write('one\ntwo ');
  attempt.write('→ three\n');
  const live = await events.until(says('two → three'));
  attempt.write('and no more');
  await attempt.fail('it cannot be');
  const rest = await events.until(isEnd);
  expect(await events.next()).toBeUndefined();
  expect(logLines([...live, ...rest])).toEqual(['one', 'two → three', 'and no more']);
  expect(JSON.parse(rest.at(-1)?.data ?? '')).toEqual((await client.get(hash)).body);
});

test('who comes back to another coordinator goes on where it was, live and after the end', async () => {
  const { hash, grant } = await granted('htop');
  await using attempt = await open(grant);
  attempt.write('one\ntwo\nthr');
  const first = await eventsOf(hash);
  const before = await first.until(says('two'));
  first.close();
  attempt.write('ee\nfour\n');
  const second = await eventsOf(hash, first.lastId, 0);
  const between = await second.until(says('four'));
  second.close();
  attempt.write('five\n');
  await attempt.fail('it cannot be');
  await client.final(hash);
  const after = await (await eventsOf(hash, second.lastId)).until(isEnd);
  expect(logLines([...before, ...between, ...after])).toEqual(['one', 'two', 'three', 'four', 'five']);
});

test('who has seen the end is told not to come back', async () => {
  const { hash, grant } = await granted('tmux');
  await using attempt = await open(grant);
  await attempt.fail('it cannot be');
  const events = await eventsOf(hash);
  await events.until(isEnd);
  expect((await eventsOf(hash, events.lastId)).response.status).toBe(204);
});

test('the rest of a lost attempt is told before the next one, and where it ends', async () => {
  const { hash, grant } = await granted('nano');
  const events = await eventsOf(hash);
  {
    await using lost = await open(grant);
    lost.write('first try\n');
    await events.until(says('first try'));
    events.close();
    lost.write('its last words\n');
    await lost.handBack();
  }
  await using attempt = await open(await grantAgain(grant.source));
  attempt.write('second try\n');
  const again = await eventsOf(hash, events.lastId);
  const told = await again.until(says('second try'));
  expect(told.filter(({ event }) => event !== 'state').map(({ event, data }) => [event, data])).toEqual([
    ['log', 'its last words'],
    ['lost', '{"attempt":1}'],
    ['log', 'second try'],
  ]);
  again.close();
  await attempt.fail('it cannot be');
});

test('a build that was never heard of is no stream', async () => {
  expect((await eventsOf(NO_HASH)).response.status).toBe(404);
  expect((await eventsOf('nonsense')).response.status).toBe(404);
});

test('a ninth follower of one client is refused, and taken once another one has left', async () => {
  const { hash, grant } = await granted('curl');
  await using attempt = await open(grant);
  const taken = await Promise.all(Array.from({ length: 8 }, () => eventsOf(hash)));
  expect(taken.map(({ response }) => response.status)).toEqual(Array(8).fill(200));
  const { response } = await eventsOf(hash);
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '10']);
  expect(await response.json()).toMatchObject({ status: 429 });
  const log = `${used.farm.coordinators[1]?.httpUrl}/api/v1/build/${hash}/log`;
  expect((await fetch(log)).status).toBe(429);
  taken[0]?.close();
  await expect.poll(async () => (await fetch(log)).status).toBe(200);
  for (const events of taken) events.close();
  await attempt.fail('it cannot be');
});
