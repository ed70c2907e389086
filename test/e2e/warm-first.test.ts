import { expect, test } from 'vitest';
import { AdminClient } from '../../cli/admin/admin-client.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import { fetchesOf, newestPull, shownAgents, warmByAgent } from '../support/warm-agents.ts';
import { ARCHER, X86 } from '../support/wire-builds.ts';

/* Builds go where their builder is warm, and a builder is fetched no more often than what waits needs. */

const TOKEN = 'operator-of-this-farm';
const used = useFarm({
  agents: 3,
  coordinator: { adminToken: TOKEN },
  upstream: { versions: ['24.10.4', '23.05.6'] },
});
const client = new BuildClient(() => used.farm.url);

/** Asks for builds of one builder that differ in a package. */
async function ask(builder: object, ...packages: readonly string[]): Promise<readonly string[]> {
  const hashes: string[] = [];
  for (const name of packages) hashes.push(hashOf(await client.post({ ...builder, packages: [name] })));
  return hashes;
}

async function allDone(hashes: readonly string[]): Promise<void> {
  for (const hash of hashes) expect((await client.final(hash)).status).toBe(200);
}

/** Who has a builder warm. */
async function warmOn(name: string): Promise<readonly string[]> {
  return Object.entries(await warmByAgent(used.farm)).flatMap(([id, warm]) =>
    warm.includes(name) ? [id] : [],
  );
}

async function stateOf(agentId: string): Promise<string | undefined> {
  return (await shownAgents(used.farm)).find(({ id }) => id === agentId)?.state;
}

test('a cold start warms one agent, however many idle ones wait, and further builds go there', async () => {
  await allDone(await ask(ARCHER, 'vim'));
  await eventually(async () => expect(await warmOn('24.10.4 ath79/generic')).toHaveLength(1));
  const [first = ''] = await warmOn('24.10.4 ath79/generic');
  await eventually(async () => (await newestPull(used.farm, first))?.attempts.length === 0);
  await allDone(await ask(ARCHER, 'tmux'));
  expect(await warmOn('24.10.4 ath79/generic')).toHaveLength(1);
  expect(fetchesOf(used.farm, ARCHER)).toBe(1);
});

test('while one agent is busy with it and more wait than it serves soon, others fetch the builder, each once', async () => {
  const OLD = { version: '23.05.6', target: 'ath79/generic', profile: '8dev_carambola2' };
  await allDone(await ask(OLD, 'vim'));
  const hashes = await ask(OLD, 'knob-slow-2', 'tmux', 'nano', 'htop', 'curl', 'knob-slow-1');
  await eventually(async () => expect((await warmOn('23.05.6 ath79/generic')).length).toBeGreaterThan(1));
  await allDone(hashes);
  await eventually(async () =>
    expect(await warmOn('23.05.6 ath79/generic')).toHaveLength(fetchesOf(used.farm, OLD)),
  );
});

test('a drained agent finishes its build, and neither builds nor fetches more until it is undrained', async () => {
  const admin = new AdminClient(used.farm.url, TOKEN);
  const signal = AbortSignal.timeout(110_000);
  const [running = ''] = await ask(X86, 'knob-slow-2');
  await client.reaches(running, 'building_image');
  await eventually(async () => expect(await warmOn('24.10.4 x86/64')).toHaveLength(1));
  const [first = ''] = await warmOn('24.10.4 x86/64');
  await admin.ask('POST', `/api/v1/admin/agents/${first}/drain`, signal);
  await allDone(await ask(X86, 'vim'));
  await allDone([running]);
  await eventually(async () => expect(await warmOn('24.10.4 x86/64')).toHaveLength(2));
  const [second = ''] = (await warmOn('24.10.4 x86/64')).filter((id) => id !== first);
  expect(fetchesOf(used.farm, X86)).toBe(2);
  await admin.ask('POST', `/api/v1/admin/agents/${first}/undrain`, signal);
  await eventually(async () => (await stateOf(first)) === 'working');
  await admin.ask('POST', `/api/v1/admin/agents/${second}/drain`, signal);
  await allDone(await ask(X86, 'tmux'));
  expect(fetchesOf(used.farm, X86)).toBe(2);
  await admin.ask('POST', `/api/v1/admin/agents/${second}/undrain`, signal);
});
