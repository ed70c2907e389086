import { afterEach, beforeEach, expect, test } from 'vitest';
import { BuildClient, hashOf, type Reply } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

let farm: TestFarm;
let client: BuildClient;

beforeEach(async () => {
  farm = await startFarm({ coordinators: 2 });
  client = new BuildClient(() => farm.url);
});

afterEach(async () => {
  await farm[Symbol.asyncDispose]();
});

const REQUEST = { version: '25.12.0', target: 'mediatek/filogic', profile: 'openwrt_one' };
/** A build that takes long enough for something to be lost under it. */
const SLOW = { ...REQUEST, packages: ['knob-slow-5'] };

async function repairs(action: string): Promise<number> {
  const counts = await Promise.all(
    farm.coordinators.map(async ({ httpUrl }) => {
      const text = await (await fetch(`${httpUrl}/metrics`)).text();
      const line = text
        .split('\n')
        .find((each) => each.startsWith(`wrtfarm_repairs_total{action="${action}"}`));
      return Number(line?.split(' ')[1]);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Every answer until the final one, as a client hears them that polls all the while. */
async function answersUntilFinal(hash: string): Promise<{ statuses: ReadonlySet<number>; final: Reply }> {
  const statuses = new Set<number>();
  const final = await eventually(async () => {
    const reply = await client.get(hash);
    statuses.add(reply.status);
    if (reply.status !== 200) throw new Error(`still ${reply.status}`);
    return reply;
  }, 60_000);
  return { statuses, final };
}

test('a farm that lost all of Redis goes on with the running attempt and builds what waited', async () => {
  const finished = await client.final(hashOf(await client.post({ ...REQUEST, packages: [] })));
  const running = hashOf(await client.post(SLOW));
  await client.reaches(running, 'building_image');
  const waiting = hashOf(await client.post({ ...REQUEST, packages: ['vim'] }));
  await farm.redis.wipe();
  const [first, second] = await Promise.all([running, waiting].map(answersUntilFinal));
  // While Redis starts there is nobody to ask; but no client is told that its build does not exist.
  for (const answers of [first, second]) expect([...(answers?.statuses ?? [])]).not.toContain(404);
  const log = await (await fetch(`${farm.url}/api/v1/build/${running}/log`)).text();
  expect(log).not.toContain('attempt');
  expect(await repairs('adopted_attempt')).toBe(1);
  expect(await repairs('restored_build')).toBe(2);
  const again = await client.get(hashOf(finished));
  expect(again.body.bin_dir).toBe(finished.body.bin_dir);
});

test('a farm that lost JetStream keeps the second copies anew, and survives the loss of Redis afterwards', async () => {
  const running = hashOf(await client.post(SLOW));
  await client.reaches(running, 'building_image');
  const waiting = hashOf(await client.post({ ...REQUEST, packages: ['vim'] }));
  await farm.nats.wipe();
  await eventually(async () => {
    if ((await repairs('republished_copy')) < 2) throw new Error('not yet');
  });
  await farm.redis.wipe();
  for (const hash of [running, waiting]) {
    const { statuses } = await answersUntilFinal(hash);
    expect([...statuses]).not.toContain(404);
  }
});

test('agents whose pulls were parked when Redis was lost are known again at once', async () => {
  const listed = async (): Promise<number> => {
    const agents = (await (await fetch(`${farm.url}/api/v1/agents`)).json()) as { agents: unknown[] };
    return agents.agents.length;
  };
  await eventually(async () => {
    if ((await listed()) !== 1) throw new Error('not yet');
  });
  await farm.redis.wipe();
  await eventually(async () => {
    if ((await listed()) !== 1) throw new Error('not yet');
  }, 10_000);
});
