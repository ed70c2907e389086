import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { EventReader, logLines } from '../support/event-reader.ts';
import { grantTo } from '../support/grant.ts';
import { startFarm } from '../support/start-farm.ts';
import { WireAgent } from '../support/wire-agent.ts';
import { ARCHER } from '../support/wire-builds.ts';
import { WrittenAttempt } from '../support/written-attempt.ts';

test('a coordinator that stops lets go of followers, attempts and pulls at once, and all go on at the other one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-stop-'));
  await using farm = await startFarm({ agents: 0, coordinators: 2 });
  const [stays, stops] = farm.coordinators;
  if (!stays || !stops) throw new Error('there are two');
  const client = new BuildClient(() => stays.httpUrl);
  const hash = hashOf(await client.post({ ...ARCHER, packages: ['vim'] }));
  await using agent = await WireAgent.start(farm.nats.url, 'agent-1');
  const grant = await grantTo(agent);
  await using attempt = await WrittenAttempt.open(grant, folder, [stops.grpcAddress, stays.grpcAddress]);
  const events = await EventReader.open(`${stops.httpUrl}/api/v1/build/${hash}/events`);
  const text = fetch(`${stops.httpUrl}/api/v1/build/${hash}/log?follow=1`).then((reply) => reply.text());
  attempt.write('one\ntwo\nand thr');
  const before = await events.until(({ data }) => data.endsWith('two'));
  const parked = (): Promise<number> => new BuildClient(() => stops.httpUrl).metric('wrtfarm_pulls_parked');
  // Pulls go to either; one of a few is parked where it is wanted.
  const crowd = await Promise.all(
    Array.from({ length: 6 }, (_, at) => WireAgent.start(farm.nats.url, `idle-${at}`)),
  );
  const answers = crowd.map((each) => each.pullUntil({}, () => true));
  await expect.poll(parked).toBeGreaterThan(0);
  const answered = Promise.race(answers);

  await stops[Symbol.asyncDispose]();
  expect(await events.next()).toBeUndefined();
  expect(await text).toBe('one\ntwo\nand thr');
  await answered;

  attempt.write('ee\nfour\n');
  const again = await EventReader.open(`${stays.httpUrl}/api/v1/build/${hash}/events`, events.lastId);
  const after = await again.until(({ data }) => data.endsWith('four'));
  expect(logLines([...before, ...after])).toEqual(['one', 'two', 'and three', 'four']);
  again.close();
  await attempt.fail('it cannot be');
  expect((await client.final(hash)).body.detail).toContain('it cannot be');
  for (const each of crowd) await each[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
