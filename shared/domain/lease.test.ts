import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAs } from '../schema.ts';
import {
  type AttemptId,
  attemptKey,
  isGenuineLease,
  type Lease,
  LeaseSchema,
  leaseTimes,
  leaseToken,
  newLeaseNonce,
  parseAttemptKey,
} from './lease.ts';

const farmKey = Buffer.alloc(32, 1);
const id: AttemptId = { requestHash: 'a'.repeat(64), generation: '1'.repeat(32), attempt: 2 };

function leaseOf(attempt: AttemptId = id, agentId = 'attic', nonce = newLeaseNonce()): Lease {
  return { ...attempt, agentId, token: leaseToken(farmKey, attempt, agentId, nonce) };
}

describe('a lease', () => {
  test('made by the farm is known as its own and is a valid message', () => {
    const lease = leaseOf();
    expect(isGenuineLease(farmKey, lease)).toBe(true);
    expect(parseAs(LeaseSchema, lease, 'lease')).toEqual(lease);
  });

  test.each([
    ['build', { requestHash: 'b'.repeat(64) }],
    ['generation', { generation: '2'.repeat(32) }],
    ['attempt', { attempt: 3 }],
    ['agent', { agentId: 'attic2' }],
  ])('is not genuine for another %s', (_what, change) => {
    expect(isGenuineLease(farmKey, { ...leaseOf(), ...change })).toBe(false);
  });

  test('is not genuine for another farm, nor with another token', () => {
    const lease = leaseOf();
    expect(isGenuineLease(Buffer.alloc(32, 2), lease)).toBe(false);
    expect(
      isGenuineLease(farmKey, { ...lease, token: leaseOf().token.slice(0, 32) + lease.token.slice(32) }),
    ).toBe(false);
    for (const token of ['', lease.token.slice(0, 32), lease.token.slice(1), `${lease.token}0`]) {
      expect(isGenuineLease(farmKey, { ...lease, token })).toBe(false);
    }
  });

  test('is another one each time, though all else is the same', () => {
    expect(new Set(Array.from({ length: 50 }, () => leaseOf().token)).size).toBe(50);
  });

  test.each([
    { attempt: 0 },
    { attempt: 1.5 },
    { agentId: 'a.b' },
    { agentId: '' },
    { requestHash: 'A'.repeat(64) },
    { token: '1' },
  ])('is no message with %j', (change) => {
    expect(() => parseAs(LeaseSchema, { ...leaseOf(), ...change }, 'lease')).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('the key of an attempt', () => {
  const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));

  test('names exactly its attempt', () => {
    const ids = fc.record({
      requestHash: hex(64),
      generation: hex(32),
      attempt: fc.integer({ min: 1, max: 1e9 }),
    });
    fc.assert(
      fc.property(ids, (each) => {
        expect(parseAttemptKey(attemptKey(each))).toEqual(each);
      }),
    );
  });

  test.each([
    '',
    'a.b.1',
    attemptKey({ ...id, attempt: 0 }),
    `${attemptKey(id)}.1`,
    `${attemptKey(id)}\n`,
    `0${attemptKey(id)}`,
    `../${attemptKey(id)}`,
    attemptKey(id).replace('.2', '.02'),
  ])('is not %j', (key) => {
    expect(parseAttemptKey(key)).toBeUndefined();
  });
});

test('the times of a lease are those of the design, and keep their proportions', () => {
  expect(leaseTimes()).toMatchObject({ leaseMs: 15_000, renewMs: 5_000, graceMs: 2_000, grantMs: 3_000 });
  fc.assert(
    fc.property(fc.integer({ min: 1_500, max: 600_000 }), (leaseMs) => {
      const times = leaseTimes(leaseMs);
      // Two signs of life may be lost before the lease is; whoever comes back does so within it.
      expect(times.renewMs * 2).toBeLessThan(leaseMs);
      expect(times.graceMs).toBeLessThan(times.grantMs);
      expect(times.grantMs).toBeLessThan(times.renewMs);
      expect(times.graceMs).toBeGreaterThan(0);
    }),
  );
});
