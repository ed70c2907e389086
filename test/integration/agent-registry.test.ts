import { describe, expect, test } from 'vitest';
import { agentKey } from '../../coordinator/builds/keys.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import { pull } from '../support/stores.ts';
import { useStores } from '../support/use-stores.ts';

const used = useStores();

describe('a pull', () => {
  test('tells what the agent should hold and does not, and what it holds and should not', async () => {
    const lease = await used.stores.granted();
    const later = await used.stores.agents.record(pull({ sequence: 2 }));
    expect(later.revoke).toEqual([`${lease.requestHash}.${lease.generation}.1`]);
    await used.stores.lose(lease);
    const listing = await used.stores.agents.record(pull({ sequence: 3, attempts: [lease] }));
    expect(listing.cancel).toEqual([`${lease.requestHash}.${lease.generation}.1`]);
    expect(listing.revoke).toEqual([]);
  });

  test('that crossed the grant on its way does not end an attempt that was taken up meanwhile', async () => {
    const lease = await used.stores.granted();
    const later = pull({ sequence: 2 });
    expect((await used.stores.agents.record(later)).revoke).toHaveLength(1);
    await used.stores.attempts.openAttempt(lease, 'stream-1');
    const revoke = async (unlistedBy: Pull) => await used.stores.lose(lease, { unlistedBy });
    expect(await revoke(later)).toEqual({ status: 'current' });
    expect(await used.stores.record(lease.requestHash)).toMatchObject({ state: 'running', attempt: 1 });
    expect((await revoke(pull({ session: 'b'.repeat(32) }))).status).toBe('queued');
  });

  test('that does not list a grant nobody took up ends it, uncounted', async () => {
    const lease = await used.stores.granted();
    const answer = await used.stores.lose(lease, { unlistedBy: pull({ sequence: 2 }) });
    expect(answer).toMatchObject({ status: 'queued', isCounted: false });
  });

  test('that arrives after a newer one changes nothing', async () => {
    await used.stores.agents.record(pull({ sequence: 5 }));
    expect((await used.stores.agents.record(pull({ sequence: 4, slots: 9 }))).isNewest).toBe(false);
    expect(await used.stores.redis.hget(agentKey('agent-1'), 'slots')).toBe('1');
  });
});

test('a late pull of an earlier session takes nothing from the new one', async () => {
  const renewed = pull({ session: 'b'.repeat(32) });
  await used.stores.agents.record(pull());
  await used.stores.agents.record(renewed);
  await used.stores.submit();
  await used.stores.attempts.openAttempt(await used.stores.claimed(renewed), 'stream');
  expect(await used.stores.agents.record(pull({ sequence: 9 }))).toMatchObject({
    isNewest: false,
    revoke: [],
  });
});
