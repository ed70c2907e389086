import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Settings } from 'node:http2';
import { join } from 'node:path';
import { credentials, Server } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { widenCalls, widenConnections } from '../../coordinator/rpc/http2-limits.ts';
import type { ArtifactStatus__Output } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import { ARTIFACT_CHUNK_BYTES, loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { sha256Hex } from '../../shared/digest.ts';
import { attemptKey } from '../../shared/domain/lease.ts';
import { eventually } from '../support/eventually.ts';
import { lendLease } from '../support/lend-lease.ts';
import { type SlowProxy, startSlowProxy } from '../support/slow-proxy.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

const FARM_KEY = '5'.repeat(64);
const MIB = 1024 * 1024;
const WINDOW_BYTES = 8 * MIB;

let farm: TestFarm;
let proxy: SlowProxy;

beforeAll(async () => {
  farm = await startFarm({ agents: 0, coordinator: { farmKey: FARM_KEY } });
  proxy = await startSlowProxy({ target: farm.coordinators[0]?.grpcAddress ?? '', delayMs: 25 });
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await farm[Symbol.asyncDispose]();
});

test('each call and each connection may send 8 MiB ahead', async () => {
  const session = connect(`http://${proxy.address}`);
  const [settings] = (await once(session, 'remoteSettings')) as [Settings];
  expect(settings.initialWindowSize).toBe(WINDOW_BYTES);
  await eventually(() => session.state.remoteWindowSize === WINDOW_BYTES);
  session.destroy();
});

test('an agent 50 ms away sends a whole image without waiting to hear that its bytes were read', async () => {
  const image = randomBytes(7 * MIB);
  const artifact = { name: 'image.bin', sha256: sha256Hex(image), sizeBytes: image.length };
  const lease = await lendLease(farm.redis.url, FARM_KEY);
  const { Attempts } = loadAttemptProtocol().wrtfarm.v1;
  const client = new Attempts(proxy.address, credentials.createInsecure());
  try {
    await new Promise((resolve) => client.waitForReady(Number.POSITIVE_INFINITY, resolve));
    // The windows are said with the connection; of what follows, the agent hears nothing.
    await new Promise((resolve) => client.QueryArtifact({ lease, artifact }, resolve));
    proxy.freeze('back');
    const before = proxy.passedBytes('there');
    const answered = new Promise<ArtifactStatus__Output>((resolve, reject) => {
      const call = client.WriteArtifact((error, status) => (status ? resolve(status) : reject(error)));
      call.write({ header: { lease, artifact, offset: 0 } });
      for (let at = 0; at < image.length; at += ARTIFACT_CHUNK_BYTES) {
        call.write({ data: image.subarray(at, at + ARTIFACT_CHUNK_BYTES) });
      }
      call.end();
    });
    await eventually(() => proxy.passedBytes('there') - before > image.length);
    const staged = join(farm.artifacts, 'staging', attemptKey(lease), artifact.sha256);
    await eventually(async () => (await readFile(staged)).equals(image));
    proxy.heal();
    expect(await answered).toEqual({ heldBytes: image.length, complete: true });
  } finally {
    proxy.heal();
    client.close();
  }
});

test('a gRPC server that keeps its http2 servers elsewhere is found out at once', () => {
  const server = new Server();
  expect(() => widenConnections(server)).toThrow('has no http2Servers');
  Reflect.deleteProperty(server, 'commonServerOptions');
  expect(() => widenCalls(server)).toThrow('has no commonServerOptions');
});
