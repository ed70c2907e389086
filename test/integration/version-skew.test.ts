import { once } from 'node:events';
import { credentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import type { AttemptOrder__Output } from '../../proto/generated/wrtfarm/v1/AttemptOrder.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { changedProtocol } from '../support/changed-protocol.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import { WireAgent } from '../support/wire-agent.ts';
import { ARCHER, ONE, X86 } from '../support/wire-builds.ts';

/* Agents one version older and newer than the coordinator; the other way round is in agent-obeys.test.ts. */

const used = useFarm({ agents: 0 });
const client = new BuildClient(() => used.farm.url);

interface Generation {
  readonly request: Readonly<Record<string, unknown>>;
  /** What its pulls say beyond the first agents, and of each warm builder. */
  readonly state: Readonly<Record<string, unknown>>;
  readonly warm: Readonly<Record<string, unknown>>;
  readonly protocol: readonly (readonly [from: string, to: string])[];
  /** What its reports say beyond those of today. */
  readonly more: Readonly<Record<string, unknown>>;
}

const OLDER: Generation = {
  request: X86,
  state: {},
  warm: {},
  protocol: [
    ['    HandBack hand_back = 6;\n', ''],
    ['  repeated string build_command = 3;\n', ''],
  ],
  more: {},
};
const NEWER: Generation = {
  request: ARCHER,
  state: {
    ...{ software: '0.3.0', arch: 'x64', cpuPressure: 0.5, diskBudgetBytes: 1e11 },
    ...{ accepts: { targets: ['ath79/*'], profiles: ['tplink_*'] }, gpu: { cores: 7 }, peers: ['attic'] },
  },
  warm: { sizeBytes: 1e9, warmedInMs: 9, usedAt: 17 },
  protocol: [
    ['message Lease {\n', 'message Lease {\n  string region = 99;\n'],
    ['message LogChunk {\n', 'message LogChunk {\n  string encoding = 99;\n'],
    ['message Finish {\n', 'message Finish {\n  string machine = 99;\n'],
    ['    HandBack hand_back = 6;\n', '    HandBack hand_back = 6;\n    Heat heat = 99;\n'],
    ['message HandBack {}\n', 'message HandBack {}\nmessage Heat { uint32 celsius = 1; }\n'],
  ],
  more: { region: 'attic', encoding: 'utf-8', machine: 'tower' },
};

/** Runs an attempt that fails, over the contract of another version. @returns what the coordinator answered. */
async function runAttempt(lease: Lease, { protocol, more }: Generation): Promise<readonly string[]> {
  const { Attempts } = changedProtocol(protocol).wrtfarm.v1;
  const agent = new Attempts(used.farm.coordinators[0]?.grpcAddress ?? '', credentials.createInsecure());
  const orders: string[] = [];
  const call = agent.Run();
  call.on('data', ({ order }: AttemptOrder__Output) => orders.push(order ?? 'none'));
  const reports = [
    { open: { ...lease, ...more } },
    { heat: { celsius: 60 } },
    { beat: {} },
    { stage: { stage: 'building_image' } },
    { log: { sequence: 0, data: Buffer.from('of another time\n'), ...more } },
    {
      finish: {
        ...{ artifacts: [], output: { stdout: 'out', stderr: 'err', buildCommand: ['make'] }, ...more },
        failed: { failure: 'build_error', reason: 'it cannot be' },
      },
    },
  ];
  for (const report of reports) call.write(report);
  await once(call, 'end');
  agent.close();
  return orders;
}

/** Waits until the agent is shown with a builder. */
async function isShown(id: string, builder: string): Promise<void> {
  await eventually(async () => {
    const { agents } = (await used.wire.get('/api/v1/agents')).json;
    expect(agents).toContainEqual(expect.objectContaining({ id, warm: [builder], running: 1 }));
  });
}

test.each([
  ['older, which says nothing of what came later', 'older', OLDER],
  ['newer, which says what nobody here knows', 'newer', NEWER],
])('an agent that is %s fetches and builds', async (_what, id, generation) => {
  const { request, state } = generation;
  await using agent = await WireAgent.start(used.farm.nats.url, id);
  const hash = hashOf(await client.post(request));
  const { warm } = await agent.pullUntil(state, (answer) => answer.warm !== undefined);
  if (!warm) throw new Error('nothing to fetch');
  expect(warm).toMatchObject({ version: request.version, target: request.target });

  const builder = { builder: builderToken(warm), digest: warm.digest };
  const ready = { ...state, warm: [{ ...builder, ...generation.warm }] };
  const { start } = await agent.pullUntil(ready, (answer) => answer.start !== undefined);
  if (!start) throw new Error('nothing to build');
  expect([start.lease.requestHash, start.lease.agentId]).toEqual([hash, id]);
  await isShown(id, `${warm.version} ${warm.target}`);

  expect(await runAttempt(start.lease, generation)).toEqual(['opened', 'logAck', 'finished']);
  const { status, body } = await client.final(hash);
  expect([status, body.stdout, body.stderr]).toEqual([500, 'out', 'err']);
});

test('an agent that does not know how to make room when it is told to still gets builds', async () => {
  await using agent = await WireAgent.start(used.farm.nats.url, 'stubborn');
  await client.post(ONE);
  const { warm } = await agent.pullUntil({}, (answer) => answer.warm !== undefined);
  if (!warm) throw new Error('nothing to fetch');
  const full = {
    warm: [{ builder: builderToken(warm), digest: warm.digest, sizeBytes: 2e9 }],
    diskBudgetBytes: 1e9,
  };
  const { start } = await agent.pullUntil({ ...full, slots: 1 }, (answer) => answer.start !== undefined);
  expect(start?.spec).toMatchObject({ target: ONE.target, profile: ONE.profile });
});
