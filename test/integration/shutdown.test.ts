import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { EventReader, logLines } from '../support/event-reader.ts';
import { grantTo } from '../support/grant.ts';
import { startSlowProxy } from '../support/slow-proxy.ts';
import { startFarm } from '../support/start-farm.ts';
import { WireAgent } from '../support/wire-agent.ts';
import { ARCHER } from '../support/wire-builds.ts';
import { WrittenAttempt } from '../support/written-attempt.ts';

const MIB = 1024 * 1024;
/** Of the two images with `knob-large`, which go up side by side. */
const MOST_BYTES = 18 * MIB;
/** What may be on its way when a line breaks: http2's window, the pieces the coordinator has not written, and headers. */
const UNDER_WAY_BYTES = 11 * MIB;

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

test('a coordinator that stops during an upload keeps what it has, the rest goes up at the other one, and the build ends once', async () => {
  await using farm = await startFarm({ agents: 0, coordinators: 2, coordinator: { leaseMs: '15000' } });
  const [stops, stays] = farm.coordinators;
  if (!stops || !stays) throw new Error('there are two');
  // Narrow enough that the upload is met before its end.
  const narrow = { delayMs: 5, bytesPerSecond: 10_000_000 };
  await using first = await startSlowProxy({ ...narrow, target: stops.grpcAddress });
  await using second = await startSlowProxy({ ...narrow, target: stays.grpcAddress });
  await farm.startAgent('agent-1', { grpc: [first.address, second.address] });
  const client = new BuildClient(() => stays.httpUrl);
  const hash = hashOf(await client.post({ ...ARCHER, packages: ['knob-large'] }));
  await expect.poll(() => first.passedBytes('there'), { timeout: 60_000 }).toBeGreaterThan(MOST_BYTES);

  await stops[Symbol.asyncDispose]();
  const { status, body } = await client.final(hash);
  expect([status, body.detail]).toEqual([200, 'done']);
  const name = String(body.bin_dir);
  const folder = join(farm.artifacts, 'builds', name.slice(0, 2), name);
  expect(JSON.parse(await readFile(join(folder, 'build.json'), 'utf8'))).toMatchObject({ attempt: 1 });
  expect(await client.metric('wrtfarm_builds_finished_total')).toBe(1);
  // What was uploaded is dropped after the answer is given.
  await expect.poll(() => readdir(join(farm.artifacts, 'staging'))).toEqual([]);
  const sizes = (body.images as readonly { readonly name: string }[]).map(async ({ name: image }) => {
    const { headers } = await fetch(`${stays.httpUrl}/store/${name}/${image}`, { method: 'HEAD' });
    return Number(headers.get('content-length'));
  });
  const imagesBytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  expect(second.passedBytes('there')).toBeGreaterThan(0);
  expect(first.passedBytes('there') + second.passedBytes('there')).toBeLessThan(
    imagesBytes + UNDER_WAY_BYTES,
  );
});
