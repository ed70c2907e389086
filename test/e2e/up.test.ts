import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { descendants, isAlive, processesNaming } from '../support/processes.ts';
import { type RunningUp, startUp } from '../support/start-up.ts';

let data: string;
let up: RunningUp;
const client = new BuildClient(() => up.ready.http);
const ATH79 = { version: '24.10.4', target: 'ath79/generic', profile: 'tplink_archer-c7-v5' };

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'wrtfarm up '));
  const feeds = ['--repository-allow-list', 'https://feeds.example/'];
  const clients = ['--trusted-proxies', '127.0.0.1', '--api-keys', 'nightly:k3y-of-the-nightly-job:2'];
  up = await startUp(data, ['--coordinators', '2', '--allow-defaults', ...feeds, ...clients]);
});

afterAll(async () => {
  await up[Symbol.asyncDispose]();
  await rm(data, { recursive: true, force: true });
});

test('two hundred equal requests at once are one build and one attempt', async () => {
  const before = await started();
  const other = new BuildClient(() => up.ready.coordinators[1]?.http ?? '');
  const replies = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      (index % 2 ? client : other).post({ ...ATH79, packages: ['vim', 'tmux'] }),
    ),
  );
  expect(new Set(replies.map(hashOf)).size).toBe(1);
  const [first] = replies;
  if (!first) throw new Error('no reply');
  expect((await client.final(hashOf(first))).status).toBe(200);
  expect((await started()) - before).toBe(1);
});

test('scripts and extra feeds are taken by every coordinator where they are allowed', async () => {
  for (const { http } of up.ready.coordinators) {
    const { server } = (await (await fetch(`${http}/json/v1/overview.json`)).json()) as {
      server: Readonly<Record<string, unknown>>;
    };
    expect(server).toMatchObject({
      allow_defaults: true,
      repository_allow_list: ['https://feeds.example/'],
    });
  }
});

test('two different requests run at the same time on two agents', async () => {
  const hashes = await Promise.all(
    ['htop', 'nano'].map(async (name) =>
      hashOf(await client.post({ ...ATH79, packages: ['knob-slow-5', name] })),
    ),
  );
  await eventually(async () => {
    const states = await Promise.all(hashes.map((hash) => client.get(hash)));
    return states.every((state) => state.body.imagebuilder_status === 'building_image');
  });
  for (const hash of hashes) expect((await client.final(hash)).status).toBe(200);
});

test('an agent started by hand with the printed command builds images', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-by-hand-'));
  await using lent = await startUp(join(folder, 'farm'), ['--agents', '0']);
  const [program = '', ...args] = lent.ready.agentCommand.map((word) => (word === 'NAME' ? 'lent-1' : word));
  const agent = spawn(program, [...args, '--data', join(folder, 'agent')], { stdio: 'ignore' });
  const exited = once(agent, 'exit');
  const borrower = new BuildClient(() => lent.ready.http);
  const hash = hashOf(await borrower.post({ ...ATH79, packages: ['vim'] }));
  expect((await borrower.final(hash)).status).toBe(200);
  agent.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  await lent.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('SIGKILL', () => {
  test('of the agent that builds leaves nothing of the attempt, and another agent makes the image', async () => {
    const hash = hashOf(await client.post({ ...ATH79, packages: ['knob-slow-5', 'knob-orphan'] }));
    await client.reaches(hash, 'building_image');
    const isSandbox = ({ command }: { readonly command: string }): boolean => command.includes('bwrap');
    const victim = await eventually(() => {
      const name = ['agent-1', 'agent-2'].find((each) => descendants(up.pidOf(each)).some(isSandbox));
      if (!name) throw new Error('no agent builds yet');
      return name;
    });
    const ofTheAttempt = await eventually(() => {
      const seen = descendants(up.pidOf(victim));
      return seen.some(({ command }) => command.includes('sleep 300')) ? seen : false;
    });
    process.kill(up.pidOf(victim), 'SIGKILL');
    await eventually(() => !ofTheAttempt.some(isAlive), 5_000);
    const reply = await client.final(hash);
    expect(reply.status).toBe(200);
    const { attempt, agentId } = await buildJson(String(reply.body.bin_dir));
    expect(attempt).toBe(2);
    expect(agentId).not.toBe(victim);
  });

  test.each(['coordinator-1', 'nats', 'redis'])(
    'of %s during a build does not keep it from ending',
    async (name) => {
      const hash = hashOf(
        await client.post({
          ...ATH79,
          packages: [
            'knob-slow-2',
            `knob-slow-1`,
            name === 'nats' ? 'vim' : name === 'redis' ? 'curl' : 'htop',
          ],
        }),
      );
      await client.reaches(hash, 'building_image');
      process.kill(up.pidOf(name), 'SIGKILL');
      const reply = await eventually(async () => {
        const state = await client.get(hash);
        if (state.status !== 200) throw new Error(JSON.stringify(state.body));
        return state;
      }, 60_000);
      expect(reply.body.detail).toBe('done');
    },
  );
});

test('started again on the same folder it serves the finished build at once, byte for byte', async () => {
  const request = { ...ATH79, packages: ['vim', 'tmux'] };
  const before = await client.post(request);
  expect(before.status).toBe(200);
  expect(await up.stop()).toBe(0);
  expect(processesNaming(data)).toEqual([]);
  up = await startUp(data, ['--coordinators', '2']);
  const again = await client.post(request);
  expect(again.status).toBe(200);
  expect(again.body.bin_dir).toBe(before.body.bin_dir);
  const [image] = again.body.images as { name: string; sha256: string }[];
  const bytes = await (
    await fetch(`${up.ready.http}/store/${again.body.bin_dir}/${image?.name}`)
  ).arrayBuffer();
  expect(sha256Hex(Buffer.from(bytes))).toBe(image?.sha256);
});

test('SIGKILL of up ends everything it started', async () => {
  await up.stop('SIGKILL');
  await eventually(() => processesNaming(data).length === 0);
  up = await startUp(data);
});

async function started(): Promise<number> {
  const counts = up.ready.coordinators.map(({ http }) =>
    new BuildClient(() => http).metric('wrtfarm_attempts_started_total'),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

async function buildJson(binDir: string): Promise<{ attempt: number; agentId: string }> {
  const path = join(data, 'artifacts', 'builds', binDir.slice(0, 2), binDir, 'build.json');
  return JSON.parse(await readFile(path, 'utf8')) as { attempt: number; agentId: string };
}
