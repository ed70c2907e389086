import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import type { ShownAgent, ShownBuilder } from '../../farm/shown-farm.ts';
import { farmPageRoutes } from './farm-page.ts';

const AGENT: ShownAgent = {
  id: 'attic',
  software: '0.1.0',
  arch: 'x64',
  slots: 2,
  running: 1,
  warm: ['24.10.4 x86/64'],
  warming: [],
  load_per_core: 0.5,
  cpu_pressure: null,
  disk_free_bytes: 12_300_000_000,
  disk_budget_bytes: null,
  state: 'working',
};
const BUILDER: ShownBuilder = {
  name: '24.10.4 x86/64',
  distro: 'openwrt',
  version: '24.10.4',
  target: 'x86/64',
  pinned: true,
  waiting: 3,
  running: 1,
  warm_on: ['attic', 'cellar', 'den', 'hut'],
  warming_on: [],
  median_seconds: 42.2,
  eta_seconds: 250,
};

async function page(agents: readonly ShownAgent[], builders: readonly ShownBuilder[]): Promise<string> {
  const app = fastify();
  farmPageRoutes(app, { agents: async () => agents, builders: async () => builders });
  const response = await app.inject('/farm');
  expect(response.statusCode).toBe(200);
  await app.close();
  return response.body.replaceAll(/\s+/g, ' ');
}

test('the page of the farm tells what waits, who is there and how long a build takes', async () => {
  const text = await page([AGENT, { ...AGENT, id: 'den', slots: 0, running: 0 }], [BUILDER]);
  expect(text).toContain('<b>3</b> builds wait, <b>1</b> is being made.');
  expect(text).toContain('<b>2</b> of 2 agents take work, with 2 slots.');
  expect(text).toContain('24.10.4 x86/64 (pinned)');
  expect(text).toContain('attic, cellar, den and 1 more');
  expect(text).toMatch(/>43 s<.*>5 min</);
  expect(text).toContain('takes no work');
  expect(text).toContain('http-equiv="refresh" content="5"');
});

test('the page of an empty farm says that nothing can be built', async () => {
  expect(await page([], [])).toContain('No agent is there: nothing can be built.');
});

test('names of others are text on the page of the farm', async () => {
  const text = await page([{ ...AGENT, software: '<script>' }], [{ ...BUILDER, median_seconds: null }]);
  expect(text).toContain('&lt;script&gt;');
  expect(text).not.toContain('<script>');
});
