import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { systemClock } from '../../shared/clock.ts';
import type { PullAnswer } from '../../shared/messages/pull.ts';
import { pullReplySubject, pullSubject } from '../../shared/messages/subjects.ts';
import { connectNats } from '../../shared/nats-connection.ts';
import { BuildClient } from '../support/client.ts';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER } from '../support/wire-builds.ts';

/* Floods, each a little larger than what this coordinator was told to take. */

const NO_STATE = {
  ...{ version: 1, software: '0.1.0', slots: 1, attempts: [], warm: [], warming: [], warmFailures: [] },
  ...{ loadPerCore: 0, diskFreeBytes: 1e12, draining: false },
};
const KEY = 'k3y-of-another-client';
const used = useFarm({
  agents: 0,
  coordinator: {
    ...{ maxStreams: '20', maxQueuedPerClient: '30', maxConnections: '150', maxPulls: '20' },
    apiKeys: [`other:${KEY}`],
  },
});
let agents: AttemptsClient;

beforeAll(() => {
  const { Attempts } = loadAttemptProtocol().wrtfarm.v1;
  agents = new Attempts(used.farm.coordinators[0]?.grpcAddress ?? '', credentials.createInsecure());
});
afterAll(() => agents.close());

/** The code with which a stream ends that says something before it says whose it is. */
async function codeOfNewStream(): Promise<number> {
  const call = agents.Run();
  call.resume();
  call.write({ beat: {} });
  const [error] = (await once(call, 'error')) as [ServiceError];
  return error.code;
}

async function isHealthy(): Promise<boolean> {
  return (await fetch(`${used.farm.url}/readyz`)).ok;
}

test('attempt streams beyond the limit are told to go elsewhere, and taken when others have gone', async () => {
  const calls = Array.from({ length: 60 }, () => agents.Run());
  const refused: number[] = [];
  for (const call of calls) {
    call.resume();
    call.on('error', ({ code }: ServiceError) => {
      if (code !== status.CANCELLED) refused.push(code);
    });
  }
  await expect.poll(() => refused).toEqual(Array(40).fill(status.RESOURCE_EXHAUSTED));
  expect(await codeOfNewStream()).toBe(status.RESOURCE_EXHAUSTED);
  expect(await isHealthy()).toBe(true);
  for (const call of calls) call.cancel();
  await expect.poll(codeOfNewStream).toBe(status.FAILED_PRECONDITION);
});

test('a client that asks for too much waits with what it has, and others are served', async () => {
  const ask = (size: number, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${used.farm.url}/api/v1/build`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ ...ARCHER, packages: ['vim'], rootfs_size_mb: size }),
    });
  const replies = await Promise.all(Array.from({ length: 50 }, (_, at) => ask(100 + at)));
  const codes = replies.map((reply) => reply.status);
  expect([codes.filter((code) => code === 202).length, codes.filter((code) => code === 429).length]).toEqual([
    30, 20,
  ]);
  const refused = replies.find((reply) => reply.status === 429);
  expect(refused?.headers.get('retry-after')).toBe('60');
  expect(await refused?.json()).toMatchObject({
    status: 429,
    detail: expect.stringContaining('30 builds'),
  });
  expect((await ask(100 + codes.indexOf(202))).status).toBe(202);
  expect((await ask(500, { authorization: `Bearer ${KEY}` })).status).toBe(202);
});

test('pulls beyond the limit are answered at once, to be tried again', async () => {
  const agentIds = Array.from({ length: 50 }, (_, at) => `flood-${at}`);
  const told: number[] = [];
  const nats = await connectNats({
    ...{ url: used.farm.nats.url, name: 'flood', inboxPrefix: '_INBOX_flood', clock: systemClock },
  });
  const session = '5'.repeat(32);
  nats.subscribe(`*.${session}.*`, {
    callback: (_error, message) => told.push(message.json<PullAnswer>().nextPullMs),
  });
  const say = (agentId: string, sequence: number, leaving: boolean): void =>
    nats.publish(pullSubject(agentId), JSON.stringify({ ...NO_STATE, agentId, session, sequence, leaving }), {
      reply: pullReplySubject(agentId, session, sequence),
    });
  for (const agentId of agentIds) say(agentId, 1, false);
  // At least: what is taken in counts as well as what is parked.
  await expect.poll(() => told.filter((ms) => ms === 1_000).length).toBeGreaterThanOrEqual(30);
  expect(await new BuildClient(() => used.farm.url).metric('wrtfarm_pulls_parked')).toBeLessThanOrEqual(20);
  expect(await isHealthy()).toBe(true);
  for (const agentId of agentIds) say(agentId, 2, true);
  await nats.flush();
  await nats.close();
});

test('connections beyond the limit are closed, and taken when others have gone', async () => {
  const { port } = new URL(used.farm.url);
  let closed = 0;
  const sockets: Socket[] = [];
  for (let at = 0; at < 250; at += 1) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.resume();
    socket.on('error', () => undefined);
    socket.once('close', () => {
      closed += 1;
    });
    sockets.push(socket);
  }
  await expect.poll(() => closed).toBeGreaterThanOrEqual(100);
  expect(closed).toBeLessThan(250);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => isHealthy().catch(() => false)).toBe(true);
});
