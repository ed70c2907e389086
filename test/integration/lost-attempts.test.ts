import { afterAll, beforeAll, expect, test } from 'vitest';
import { wakeAgentSubject } from '../../shared/messages/subjects.ts';
import { BuildFarm } from '../support/build-farm.ts';

let farm: BuildFarm;

beforeAll(async () => {
  farm = await BuildFarm.start();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

test('an agent whose lease has ended is woken, so that it hears of it and stops', async () => {
  await farm.submit();
  const lease = await farm.claim('attic');
  if (!lease) throw new Error('there is a build to claim');
  await farm.builds.attempts.openAttempt(lease, 'stream');
  const woken = farm.connection.subscribe(wakeAgentSubject('attic'), { max: 1 });
  await farm.connection.flush();
  await farm.redis.zadd('wrtfarm:leases', 0, `${lease.requestHash}.${lease.generation}.1`);
  await farm.redis.set('wrtfarm:keeper-term', '1');
  const how = { expiredInTerm: '1', agentId: 'attic' };
  expect(await farm.builds.ends.lose(lease, 'lease_expired', 'its agent went silent', how)).toBe(true);
  let wakes = 0;
  for await (const _wake of woken) wakes += 1;
  expect(wakes).toBe(1);
});
