import { expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import { fetchesOf } from '../support/warm-agents.ts';
import { ARCHER, ONE, X86 } from '../support/wire-builds.ts';

/* Two coordinators of one farm: each answers the pulls that are parked at it, and both plan for all agents. */

const used = useFarm({
  coordinators: 2,
  agents: 0,
  upstream: { versions: [ARCHER.version, ONE.version] },
});
const clients = [0, 1].map((at) => new BuildClient(() => used.farm.coordinators[at]?.httpUrl ?? ''));

async function ofBoth(metric: string): Promise<readonly number[]> {
  return await Promise.all(clients.map((client) => client.metric(metric)));
}

/** Asks one of the coordinators for a build. */
async function ask(at: number, request: object, name: string): Promise<string> {
  const client = clients[at % clients.length];
  if (!client) throw new Error('there is no such coordinator');
  return hashOf(await client.post({ ...request, packages: [name] }));
}

async function allDone(hashes: readonly string[]): Promise<void> {
  for (const hash of hashes)
    for (const client of clients) expect((await client.final(hash)).status).toBe(200);
}

test('a build asked for at one is given to an agent whose pull is parked at the other', async () => {
  await used.farm.startAgent('agent-1');
  const parkedAt = await eventually(async () => {
    const parked = await ofBoth('wrtfarm_pulls_parked');
    expect(parked.reduce((sum, count) => sum + count)).toBe(1);
    return parked.indexOf(1);
  });
  await allDone([await ask(1 - parkedAt, ARCHER, 'vim')]);
});

test('each builder is fetched once for one build, whoever plans it', async () => {
  for (const id of ['agent-2', 'agent-3', 'agent-4']) await used.farm.startAgent(id);
  await eventually(async () => {
    const parked = await ofBoth('wrtfarm_pulls_parked');
    expect(parked.reduce((sum, count) => sum + count)).toBe(4);
  });
  const builders = [X86, ONE, { ...X86, version: '25.12.0' }];
  await allDone(await Promise.all(builders.map((builder, at) => ask(at, builder, 'vim'))));
  expect([ARCHER, ...builders].map((each) => fetchesOf(used.farm, each))).toEqual([1, 1, 1, 1]);
});

test('both give builds to agents, and agents are parked at both', async () => {
  const both = async (metric: string): Promise<boolean> => (await ofBoth(metric)).every((count) => count > 0);
  for (const name of ['nano', 'htop', 'tmux', 'curl', 'luci', 'mc']) {
    if (await both('wrtfarm_attempts_started_total')) break;
    await allDone(await Promise.all([ARCHER, X86, ONE].map((builder, at) => ask(at, builder, name))));
  }
  expect(await both('wrtfarm_attempts_started_total')).toBe(true);
});
