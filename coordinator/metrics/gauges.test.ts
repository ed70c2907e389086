import { Registry } from 'prom-client';
import { beforeEach, expect, test } from 'vitest';
import { FarmError } from '../../shared/errors.ts';
import type { FarmView } from '../scheduling/farm-view.ts';
import { agent, farm, pinned, token, waiting } from '../scheduling/small-farm.test.support.ts';
import { addGauges } from './gauges.ts';

let registry: Registry;
let view: FarmView;
let away: FarmError | undefined;

beforeEach(() => {
  registry = new Registry();
  view = farm([]);
  away = undefined;
  addGauges(registry, {
    farm: async () => {
      if (away) throw away;
      return view;
    },
    oldestWaitMs: async () => {
      if (away) throw away;
      return 1_500;
    },
    parkedPulls: () => 3,
    isCatalogStale: () => false,
    artifactDiskFree: async () => 5e9,
  });
});

/** The lines of one metric, without its name. */
async function samples(name: string): Promise<readonly string[]> {
  return (await registry.metrics())
    .split('\n')
    .filter((line) => new RegExp(`^${name}[ {]`).test(line))
    .map((line) => line.slice(name.length).trim());
}

test('what is told of builders is that of the farm now, at the first scrape and at two at once', async () => {
  view = farm(
    [agent('x', ['a', 'b']), agent('y', ['a'], { warming: [pinned('c')] })],
    [waiting('a', 2), waiting('a', 1, { digest: 'f'.repeat(64) })],
  );
  const [warm, again] = await Promise.all([samples('wrtfarm_builders_warm'), samples('wrtfarm_agents')]);
  expect(warm).toEqual([
    '{version="24.10.4",target="a/generic"} 2',
    '{version="24.10.4",target="b/generic"} 1',
  ]);
  expect(again).toContain('{state="idle"} 1');
  expect(again).toContain('{state="warming"} 1');
  expect(await samples('wrtfarm_builders_warming')).toEqual(['{version="24.10.4",target="c/generic"} 1']);
  expect(await samples('wrtfarm_queue_depth')).toEqual([
    '{lane="open",version="24.10.4",target="a/generic"} 3',
  ]);
  view = farm([]);
  expect(await samples('wrtfarm_builders_warm')).toEqual([]);
  expect(await samples('wrtfarm_agents')).toContain('{state="idle"} 0');
});

test('the same version and target of two distributions are told together', async () => {
  const other = { ...waiting('a', 4), builder: token('a').replace('openwrt', 'otherwrt') };
  view = farm([], [waiting('a', 3), other]);
  expect(await samples('wrtfarm_queue_depth')).toEqual([
    '{lane="open",version="24.10.4",target="a/generic"} 7',
  ]);
});

test('an autoscaler sees what is there and what is wanted', async () => {
  const agents = [agent('x', ['a'], { running: [token('a')] }), agent('y', ['a'], { draining: true })];
  view = farm(agents, [waiting('a', 30)], {}, { pinned: new Set([token('b')]) });
  expect(await samples('wrtfarm_slots')).toEqual(['2']);
  expect(await samples('wrtfarm_slots_wanted')).toEqual(['11']);
  expect(await samples('wrtfarm_builders_wanted')).toEqual(
    expect.arrayContaining(['{version="24.10.4",target="b/generic"} 1']),
  );
  expect(await samples('wrtfarm_builders_missing')).toEqual(['1']);
});

test('while Redis is away, only what is known without it is told', async () => {
  view = farm([agent('x', ['a'])]);
  expect(await samples('wrtfarm_slots')).toEqual(['2']);
  away = new FarmError('unavailable', 'Redis is away');
  for (const name of ['slots', 'slots_wanted', 'agents', 'builders_warm', 'queue_oldest_wait_seconds'])
    expect([name, await samples(`wrtfarm_${name}`)]).toEqual([name, []]);
  expect(await samples('wrtfarm_pulls_parked')).toEqual(['3']);
  expect(await samples('wrtfarm_artifact_disk_free_bytes')).toEqual(['5000000000']);
  away = undefined;
  expect(await samples('wrtfarm_slots')).toEqual(['2']);
});

test('anything else that goes wrong is no silence', async () => {
  away = new FarmError('internal', 'a defect');
  await expect(registry.metrics()).rejects.toThrow('a defect');
});
