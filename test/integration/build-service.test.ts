import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DirectoryStore } from '../../coordinator/artifacts/directory-store.ts';
import { BuildIndex } from '../../coordinator/builds/build-index.ts';
import { OPERATOR } from '../../coordinator/builds/build-owner.ts';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { BuildService } from '../../coordinator/builds/build-service.ts';
import { BuildStore } from '../../coordinator/builds/build-store.ts';
import { Recovery } from '../../coordinator/builds/recovery.ts';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { WaitingQueue } from '../../coordinator/builds/waiting-queue.ts';
import { JetStream } from '../../coordinator/queue/jetstream.ts';
import { JobQueue } from '../../coordinator/queue/job-queue.ts';
import { SecondCopies } from '../../coordinator/queue/second-copies.ts';
import { systemClock } from '../../shared/clock.ts';
import { FarmError } from '../../shared/errors.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { silentLog } from '../../shared/log.ts';
import { connectNats } from '../../shared/nats-connection.ts';
import { finishBuild } from '../support/finish-build.ts';
import { startNats } from '../support/servers/start-nats.ts';
import { startRedis } from '../support/servers/start-redis.ts';

const opened = new Disposers();
let service: BuildService;
let farm: { readonly redisUrl: string; readonly artifactsFolder: string };

beforeAll(async () => {
  const artifactsFolder = await mkdtemp(join(tmpdir(), 'wrtfarm-service-'));
  opened.add('folder', () => rm(artifactsFolder, { recursive: true, force: true }));
  const server = opened.use('redis', await startRedis());
  const nats = opened.use('nats', await startNats());
  const redis = new Redis(server.url);
  opened.add('client', async () => redis.disconnect());
  const connection = await connectNats({
    url: nats.url,
    name: 'test',
    inboxPrefix: '_INBOX_test',
    clock: systemClock,
  });
  opened.add('connection', () => connection.close());
  const jetstream = new JetStream(connection);
  const queue = new JobQueue(jetstream);
  const copies = new SecondCopies(jetstream);
  await queue.ensureStream();
  await copies.ensureStream();
  const scripts = new RedisScripts(redis);
  farm = { redisUrl: server.url, artifactsFolder };
  const artifacts = new DirectoryStore(artifactsFolder);
  const recovery = new Recovery({
    ...{ scripts, copies, artifacts },
    farmKey: Buffer.alloc(32, 7),
    leaseMs: 15_000,
    log: silentLog,
    onRepair: () => undefined,
  });
  service = new BuildService({
    index: new BuildIndex(redis),
    copies,
    recovery,
    builds: new BuildStore(redis, scripts),
    waiting: new WaitingQueue(redis, scripts),
    artifacts,
    queue,
    forecast: async (record) => record,
    clock: systemClock,
    log: silentLog,
    maxQueued: 10,
    maxQueuedPerClient: 1_000,
    onRequest: () => undefined,
  });
});

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
});

function asked(changes: Partial<ResolvedRequest> & { readonly versionCode?: string } = {}): ResolvedRequest {
  const builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
  const { versionCode = '', ...rest } = changes;
  return {
    spec: {
      ...builder,
      versionCode,
      profile: 'generic',
      packages: ['vim'],
      packagesVersions: {},
      diffPackages: false,
      defaults: null,
      rootfsSizeMb: null,
      filesystem: null,
      repositories: {},
      repositoriesMode: 'replace',
      repositoryKeys: [],
    },
    source: { ...builder, versionPath: 'releases/24.10.4', digest: 'd'.repeat(64) },
    client: 'test/1',
    ...rest,
  };
}

const outdated = new FarmError('invalid_request', 'Received incorrect version r2-b (requested r1-a)');
const rebuilt = { ...asked().source, digest: 'e'.repeat(64) };

test('who insists on a revision that upstream no longer has is given what was built of it', async () => {
  const { requestHash } = await service.submit(asked({ versionCode: 'r1-a' }), () => OPERATOR);
  await finishBuild(farm, requestHash);
  const later = asked({ versionCode: 'r1-a', source: rebuilt, outdated });
  expect(await service.submit(later, () => OPERATOR)).toMatchObject({ requestHash, state: 'done' });
});

test('and is refused where nothing was', async () => {
  const later = asked({ versionCode: 'r0-z', source: rebuilt, outdated });
  await expect(service.submit(later, () => OPERATOR)).rejects.toBe(outdated);
  expect(await service.queuedCount()).toBe(0);
});

test('who does not insist gets the image of the builder that upstream has now', async () => {
  const first = await service.submit(asked(), () => OPERATOR);
  await finishBuild(farm, first.requestHash);
  expect(await service.submit(asked(), () => OPERATOR)).toMatchObject({ state: 'done' });
  const anew = await service.submit(asked({ source: rebuilt }), () => OPERATOR);
  expect(anew).toMatchObject({ requestHash: first.requestHash, state: 'queued', source: rebuilt });
  expect(anew.generation).not.toBe(first.generation);
});
