import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Replication } from '../../coordinator/builds/replication.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { silentLog } from '../../shared/log.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';

let opened: Disposers;
let main: TestRedis;
let replica: TestRedis;
let redis: Redis;
let onReplica: Redis;

function connect(url: string): Redis {
  const client = new Redis(url);
  opened.add('client', async () => client.disconnect());
  return client;
}

beforeAll(async () => {
  opened = new Disposers();
  main = opened.use('main', await startRedis());
  replica = opened.use('replica', await startRedis());
  redis = connect(main.url);
  onReplica = connect(replica.url);
});

afterAll(async () => await opened[Symbol.asyncDispose]());

async function marksOnReplica(): Promise<string | null> {
  return await onReplica.get('wrtfarm:replicated');
}

test('without a replica nothing is waited for and nothing written', async () => {
  await new Replication(connect(main.url), silentLog).confirm();
  expect(await redis.exists('wrtfarm:replicated')).toBe(0);
});

test('a change that was confirmed is on the replica', async () => {
  await onReplica.replicaof('127.0.0.1', Number(new URL(main.url).port));
  await eventually(async () => {
    if (!(await onReplica.info('replication')).includes('master_link_status:up')) throw new Error('not yet');
  });
  const replication = new Replication(connect(main.url), silentLog);
  await redis.set('accepted', 'build');
  await replication.confirm();
  expect(await onReplica.get('accepted')).toBe('build');
  expect(await marksOnReplica()).toBe('1');
});

test('a replica that hangs is waited for once, not by everybody', async () => {
  const told: string[] = [];
  const log = {
    ...silentLog,
    warn: (_facts: object, text: string) => told.push(text),
  } as unknown as typeof silentLog;
  const own = connect(main.url);
  const replication = new Replication(own, log);
  replica.freeze();
  await Promise.all(Array.from({ length: 20 }, () => replication.confirm()));
  for (let times = 0; times < 20; times += 1) await replication.confirm();
  const [, waits] = /^cmdstat_wait:calls=(\d+)/m.exec(await redis.info('commandstats')) ?? [];
  // One by the test before, one here.
  expect(waits).toBe('2');
  expect(told).toHaveLength(1);
  replica.thaw();
});
