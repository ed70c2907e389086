import { connectivityState } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { type Coordinator, CoordinatorPool } from './coordinator-pool.ts';

function current(pool: CoordinatorPool): Coordinator {
  const coordinator = pool.current();
  if (!coordinator) throw new Error('no coordinator is known');
  return coordinator;
}

test('nobody is known until the farm names somebody', async () => {
  await using pool = new CoordinatorPool();
  expect(pool.current()).toBeUndefined();
  pool.update([]);
  expect(pool.current()).toBeUndefined();
  pool.update(['127.0.0.1:1', '127.0.0.1:2']);
  expect(current(pool).address).toBe('127.0.0.1:1');
});

test('an empty list is no news: those known stay', async () => {
  await using pool = new CoordinatorPool();
  pool.update(['127.0.0.1:1']);
  pool.update([]);
  expect(current(pool).address).toBe('127.0.0.1:1');
});

test('a coordinator has one client, shared by all who ask, also after others were named', async () => {
  await using pool = new CoordinatorPool();
  pool.update(['127.0.0.1:1']);
  const first = current(pool);
  expect(current(pool)).toBe(first);
  pool.update(['127.0.0.1:2']);
  expect(current(pool).client).not.toBe(first.client);
  pool.update(['127.0.0.1:1']);
  expect(current(pool)).toBe(first);
});

test('one that failed comes after the others, and again when they fail', async () => {
  await using pool = new CoordinatorPool();
  pool.update(['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']);
  const tried: string[] = [];
  for (let tries = 0; tries < 4; tries += 1) {
    tried.push(current(pool).address);
    pool.avoid(current(pool));
  }
  expect(tried).toEqual(['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3', '127.0.0.1:1']);
});

test('many calls that failed on the same one move on once', async () => {
  await using pool = new CoordinatorPool();
  pool.update(['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']);
  const failed = current(pool);
  for (let calls = 0; calls < 4; calls += 1) pool.avoid(failed);
  expect(current(pool).address).toBe('127.0.0.1:2');
});

test('the only one is used again after it failed', async () => {
  await using pool = new CoordinatorPool();
  pool.update(['127.0.0.1:1']);
  pool.avoid(current(pool));
  expect(current(pool).address).toBe('127.0.0.1:1');
});

test('addresses that were set are used whatever the farm names', async () => {
  await using pool = new CoordinatorPool({ fixed: ['127.0.0.1:8', '127.0.0.1:9'] });
  pool.update(['127.0.0.1:1']);
  expect(current(pool).address).toBe('127.0.0.1:8');
  pool.avoid(current(pool));
  expect(current(pool).address).toBe('127.0.0.1:9');
});

test('disposing closes every client that was made', async () => {
  const pool = new CoordinatorPool();
  const clients = ['127.0.0.1:1', '127.0.0.1:2'].map((address) => {
    pool.update([address]);
    return current(pool).client;
  });
  await pool[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
  const states = clients.map((client) => client.getChannel().getConnectivityState(false));
  expect(states).toEqual([connectivityState.SHUTDOWN, connectivityState.SHUTDOWN]);
});

test('clients of coordinators that are gone do not pile up', async () => {
  await using pool = new CoordinatorPool();
  for (let port = 1; port <= 50; port += 1) {
    pool.update([`127.0.0.1:${port}`]);
    pool.current();
  }
  expect(pool.size).toBe(9);
  expect(pool.current()?.address).toBe('127.0.0.1:50');
});

test('one that is named no more is used when all who are named fail', async () => {
  await using pool = new CoordinatorPool();
  pool.update(['127.0.0.1:1', '127.0.0.1:2']);
  // The second one is back, but the first has not noticed yet.
  pool.update(['127.0.0.1:1']);
  pool.avoid(current(pool));
  expect(current(pool).address).toBe('127.0.0.1:2');
});

test('one that is named no more is forgotten after a minute, and as soon as it fails', async () => {
  let now = 0;
  await using pool = new CoordinatorPool({ now: () => now });
  const lone = (): void => {
    pool.update(['127.0.0.1:1', '127.0.0.1:2']);
    pool.update(['127.0.0.1:1']);
    now += 10_000;
    pool.avoid(current(pool));
  };
  lone();
  expect(current(pool).address).toBe('127.0.0.1:2');
  pool.avoid(current(pool));
  expect(current(pool).address).toBe('127.0.0.1:1');
  lone();
  now += 60_000;
  expect(current(pool).address).toBe('127.0.0.1:1');
});

test('one that failed comes last for ten seconds, however often it is named first', async () => {
  let now = 0;
  await using pool = new CoordinatorPool({ now: () => now });
  pool.update(['127.0.0.1:1', '127.0.0.1:2']);
  pool.avoid(current(pool));
  pool.update(['127.0.0.1:1', '127.0.0.1:2']);
  expect(current(pool).address).toBe('127.0.0.1:2');
  now = 10_000;
  expect(current(pool).address).toBe('127.0.0.1:1');
});

test('each failure of a coordinator is news once', async () => {
  let news = 0;
  let now = 0;
  await using pool = new CoordinatorPool({
    now: () => now,
    onFailure: () => {
      news += 1;
    },
  });
  pool.update(['127.0.0.1:1']);
  const failed = current(pool);
  for (let calls = 0; calls < 4; calls += 1) pool.avoid(failed);
  expect(news).toBe(1);
  now = 10_000;
  pool.avoid(failed);
  expect(news).toBe(2);
});
