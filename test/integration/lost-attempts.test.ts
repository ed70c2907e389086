import { expect, test } from 'vitest';
import { wakeAgentSubject } from '../../shared/messages/subjects.ts';
import { useBuildFarm } from '../support/use-build-farm.ts';

const used = useBuildFarm();

test('an agent whose lease has ended is woken, so that it hears of it and stops', async () => {
  await used.farm.submit();
  const lease = await used.farm.begin('attic');
  const woken = used.farm.connection.subscribe(wakeAgentSubject('attic'), { max: 1 });
  await used.farm.connection.flush();
  await used.farm.redis.zadd('wrtfarm:leases', 0, `${lease.requestHash}.${lease.generation}.1`);
  await used.farm.redis.set('wrtfarm:keeper-term', '1');
  const how = { expiredInTerm: '1', agentId: 'attic' };
  expect(await used.farm.builds.ends.lose(lease, 'lease_expired', 'its agent went silent', how)).toBe(true);
  let wakes = 0;
  for await (const _wake of woken) wakes += 1;
  expect(wakes).toBe(1);
});
