import { afterAll, beforeAll, expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

/* Agents of people who lend a part of a machine. */

const ATH79 = {
  version: '24.10.4',
  target: 'ath79/generic',
  profile: 'tplink_archer-c7-v5',
  packages: ['vim'],
};
const X86 = { version: '24.10.4', target: 'x86/64', profile: 'generic', packages: ['vim'] };

let farm: TestFarm;
const client = new BuildClient(() => farm.url);

interface Shown {
  readonly id: string;
  readonly warm: readonly string[];
}

async function agents(): Promise<ReadonlyMap<string, readonly string[]>> {
  const reply = (await (await fetch(`${farm.url}/api/v1/agents`)).json()) as {
    readonly agents: readonly Shown[];
  };
  return new Map(reply.agents.map(({ id, warm }) => [id, warm]));
}

beforeAll(async () => {
  farm = await startFarm({ agents: 0 });
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

test('an agent is asked only for what its lender lets it take, and builds for others wait for another agent', async () => {
  await farm.startAgent('only-ath79', { onlyTargets: ['ath79/*'] });
  const waiting = hashOf(await client.post(X86));
  expect((await client.final(hashOf(await client.post(ATH79)))).status).toBe(200);
  expect((await client.get(waiting)).body.detail).toBe('queued');
  expect(await agents()).toEqual(new Map([['only-ath79', ['24.10.4 ath79/generic']]]));
  await farm.startAgent('anything');
  expect((await client.final(waiting)).status).toBe(200);
  await eventually(async () => expect((await agents()).get('anything')).toEqual(['24.10.4 x86/64']));
  expect((await agents()).get('only-ath79')).toEqual(['24.10.4 ath79/generic']);
});
