import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type RunningUp, startUp } from '../support/start-up.ts';
import { ARCHER } from '../support/wire-builds.ts';

/* One of each child, so that nothing is built again before the one that was killed is back. */

let data: string;
let up: RunningUp;
const client = new BuildClient(() => up.ready.http);

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'wrtfarm-up-restarts-'));
  up = await startUp(data, ['--coordinators', '1', '--agents', '1']);
});
afterAll(async () => {
  await up[Symbol.asyncDispose]();
  await rm(data, { recursive: true, force: true });
});

test.each([
  ['agent-1', 'vim'],
  ['coordinator-1', 'htop'],
  ['nats', 'tmux'],
  ['redis', 'nano'],
])('%s is started again after SIGKILL, and the farm builds', async (name, wanted) => {
  const killed = up.pidOf(name);
  process.kill(killed, 'SIGKILL');
  await eventually(() => up.pidOf(name) !== killed);
  const hash = await eventually(async () => hashOf(await client.post({ ...ARCHER, packages: [wanted] })));
  // What was told before it noticed may be asked again.
  const reply = await eventually(async () => await client.final(hash), 60_000);
  expect([reply.status, reply.body.detail]).toEqual([200, 'done']);
});

test('all of them at once are started again, and the farm builds', async () => {
  const names = ['agent-1', 'coordinator-1', 'nats', 'redis'];
  const killed = names.map((name) => up.pidOf(name));
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  await eventually(() => names.every((name, at) => up.pidOf(name) !== killed[at]), 60_000);
  const hash = await eventually(async () => hashOf(await client.post({ ...ARCHER, packages: ['curl'] })));
  const reply = await eventually(async () => await client.final(hash), 60_000);
  expect([reply.status, reply.body.detail]).toEqual([200, 'done']);
});
