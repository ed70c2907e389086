import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DirectoryStore } from '../../coordinator/artifacts/directory-store.ts';
import { environmentName } from '../../shared/env.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { assetPath } from '../../shared/package-root.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type NetworkHost, openNetworkHost } from '../support/network-host.ts';
import { startSlowProxy } from '../support/slow-proxy.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';
import { ONE } from '../support/wire-builds.ts';
import { ManagedProcess } from './ledger/managed-process.ts';

/* An agent on another host: a network namespace, whose cable is pulled out in the middle of a build and put back. */

const opened = new Disposers();
let refusal: string | undefined;
let host: NetworkHost;
let farm: TestFarm;
let client: BuildClient;
let logPath: string;

beforeAll(async () => {
  const made = await openNetworkHost();
  if (typeof made === 'string') {
    refusal = made;
    return;
  }
  host = opened.use('host', made);
  farm = opened.use('farm', await startFarm({ agents: 0, upstream: { versions: [ONE.version] } }));
  client = new BuildClient(() => farm.url);
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-host-'));
  opened.add('folder', () => rm(folder, { recursive: true, force: true }));
  logPath = join(folder, 'log');
  const reach = async (port: number): Promise<number> =>
    opened.use('line', await startSlowProxy({ target: `127.0.0.1:${port}`, host: host.ourAddress })).port;
  const grpcPort = await reach(Number(farm.coordinators[0]?.grpcAddress.split(':')[1]));
  const settings = {
    id: 'far',
    nats: `nats://${host.ourAddress}:${await reach(portOf(farm.nats.url))}`,
    grpc: `${host.ourAddress}:${grpcPort}`,
    upstream: `http://${host.ourAddress}:${await reach(portOf(farm.upstream.url))}`,
    upstreamKey: farm.upstream.publicKeyPath,
    data: join(folder, 'far'),
    diskReserve: '64M',
    drainMs: '2000',
  };
  const far = opened.use(
    'far',
    new ManagedProcess({
      name: 'far',
      command: [...host.prefix, process.execPath, assetPath('dist/cli/main.js'), 'agent'],
      env: {
        PATH: process.env.PATH,
        ...Object.fromEntries(
          Object.entries(settings).map(([name, value]) => [environmentName(name), value]),
        ),
      },
      logPath,
      answers: (readyLine) => readyLine,
    }),
  );
  await far.start();
});

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
});

test('a build whose machine is cut off is made elsewhere, and what comes late is refused', async ({
  skip,
}) => {
  if (refusal !== undefined) skip(refusal);
  const hash = hashOf(await client.post({ ...ONE, packages: ['knob-slow-5'] }));
  await client.reaches(hash, 'building_image');
  await host.unplug();
  await farm.startAgent('near');
  await eventually(async () => (await client.metric('wrtfarm_attempts_lost_total')) === 1);
  const done = await client.final(hash);
  expect(done.status).toBe(200);
  expect((await new DirectoryStore(farm.artifacts).newest(hash))?.attempt).toBe(2);

  await host.plugIn();
  const refused = await eventually(async () => {
    const line = (await readFile(logPath, 'utf8'))
      .split('\n')
      .find((each) => each.includes('attempt dropped'));
    return line ?? false;
  }, 60_000);
  expect(JSON.parse(refused)).toMatchObject({ requestHash: hash, attempt: 1 });
  expect((await client.get(hash)).body.bin_dir).toBe(done.body.bin_dir);
});

test('the machine that was cut off works again', async ({ skip }) => {
  if (refusal !== undefined) skip(refusal);
  const names = ['vim', 'nano', 'htop', 'tmux'];
  let sizeMb = 64;
  // Its connection to NATS may be the old one, over which nothing comes before TCP tries again.
  await eventually(async () => {
    sizeMb += 1;
    // More at once than the other one has slots.
    const hashes = await Promise.all(
      names.map(async (name) =>
        hashOf(await client.post({ ...ONE, packages: [name], rootfs_size_mb: sizeMb })),
      ),
    );
    for (const hash of hashes) expect((await client.final(hash)).status).toBe(200);
    const log = await readFile(logPath, 'utf8');
    return log.split('\n').some((line) => hashes.some((hash) => line.includes(hash)));
  }, 60_000);
});

function portOf(url: string): number {
  return Number(new URL(url).port);
}
