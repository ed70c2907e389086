import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { attemptHashKey } from '../../coordinator/builds/keys.ts';
import { attemptKey, type Lease, leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';

/** A lease that the farm takes for current although no build waits for its result. It never ends by itself. */
export async function lendLease(redisUrl: string, farmKey: string, agentId = 'agent-1'): Promise<Lease> {
  const id = {
    requestHash: randomBytes(32).toString('hex'),
    generation: randomBytes(16).toString('hex'),
    attempt: 1,
  };
  const nonce = newLeaseNonce();
  const redis = new Redis(redisUrl);
  try {
    await redis.hset(attemptHashKey(attemptKey(id)), { nonce, agentId });
  } finally {
    redis.disconnect();
  }
  return { ...id, agentId, token: leaseToken(Buffer.from(farmKey, 'hex'), id, agentId, nonce) };
}

/** Ends a lease at once, as the farm does with an attempt that is lost. */
export async function endLease(redisUrl: string, lease: Lease): Promise<void> {
  const redis = new Redis(redisUrl);
  try {
    await redis.del(attemptHashKey(attemptKey(lease)));
  } finally {
    redis.disconnect();
  }
}
