import { allReady } from '../farm.ts';
import type { Drill } from './drill.ts';
import { newestPull, timeUntil } from './watch-farm.ts';

/** From the kill, over its start on the same store, until every agent was heard and every coordinator is ready. */
export const restartedNats: Drill = {
  name: 'nats-server killed and started → all work again',
  reachMs: 5_000,
  times: 8,
  once: async ({ farm, redis }) => {
    const before = await Promise.all(farm.agents.map(({ id }) => newestPull(redis, id)));
    const since = performance.now();
    await farm.nats.kill();
    await farm.nats.start();
    const heard = farm.agents.map(async ({ id }, at) =>
      timeUntil(since, async () => (await newestPull(redis, id)) !== before[at]),
    );
    const ready = allReady(farm, 60_000).then(() => performance.now() - since);
    return [Math.max(...(await Promise.all([...heard, ready])))];
  },
};
