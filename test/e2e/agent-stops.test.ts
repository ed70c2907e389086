import { expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { EventReader, logLines } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER } from '../support/wire-builds.ts';

const used = useFarm({ agents: 0 });
const client = new BuildClient(() => used.farm.url);

test('an agent that stops lets its build finish when that takes no longer than its patience', async () => {
  const agent = await used.farm.startAgent('agent-0', { drainMs: '60000' });
  const hash = hashOf(
    await client.post({ ...ARCHER, target: 'x86/64', profile: 'generic', packages: ['knob-slow-2'] }),
  );
  await eventually(async () => (await client.get(hash)).body.imagebuilder_status === 'building_image');
  const started = await client.metric('wrtfarm_attempts_started_total');
  await agent[Symbol.asyncDispose]();
  expect((await client.final(hash)).status).toBe(200);
  expect(await client.metric('wrtfarm_attempts_started_total')).toBe(started);
});

test('an agent that stops gives its build back after its patience, and another one makes it', async () => {
  const first = await used.farm.startAgent('agent-1', { drainMs: '0' });
  const hash = hashOf(await client.post({ ...ARCHER, packages: ['vim', 'knob-slow-5'] }));
  const events = await EventReader.open(`${used.farm.url}/api/v1/build/${hash}/events`);
  await events.until(({ data }) => data.includes('"building_image"'));
  await used.farm.startAgent('agent-2');
  await first[Symbol.asyncDispose]();
  const told = await events.until(({ event }) => event === 'done');
  expect(told.find(({ event }) => event === 'lost')?.data).toBe('{"attempt":1}');
  expect(JSON.parse(told.at(-1)?.data ?? '')).toMatchObject({ status: 200, detail: 'done' });
  const afterLoss = told.slice(told.findIndex(({ event }) => event === 'lost'));
  const log = await (await fetch(`${used.farm.url}/api/v1/build/${hash}/log`)).text();
  expect(logLines(afterLoss)).toEqual(log.trimEnd().split('\n'));
  expect(await client.metric('wrtfarm_attempts_lost_total')).toBe(0);
});
