import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { SHA256_PATTERN } from '../digest.ts';
import { AGENT_ID_PATTERN } from './agent.ts';
import { GENERATION_PATTERN } from './build.ts';

/** One leased try of a build: which build, which creation of it, which try. */
export const AttemptIdSchema = Type.Object({
  requestHash: Type.String({ pattern: SHA256_PATTERN }),
  generation: Type.String({ pattern: GENERATION_PATTERN }),
  /** From 1 within a generation. */
  attempt: Type.Integer({ minimum: 1 }),
});
export type AttemptId = Static<typeof AttemptIdSchema>;

export const LEASE_TOKEN_PATTERN = '^[0-9a-f]{32}[0-9a-f]{64}$';

/** The right to act for an attempt. Carried by every write made for it. */
export const LeaseSchema = Type.Object({
  ...AttemptIdSchema.properties,
  agentId: Type.String({ pattern: AGENT_ID_PATTERN }),
  /** 128 random bits, then an HMAC-SHA256 over them and the fields above, in hex. */
  token: Type.String({ pattern: LEASE_TOKEN_PATTERN }),
});
export type Lease = Static<typeof LeaseSchema>;

/** Times of a lease, milliseconds. The others follow from `leaseMs`, so that they cannot drift apart. */
export interface LeaseTimes {
  /** How long a lease lasts without being renewed. */
  readonly leaseMs: number;
  /** How often the agent says it is alive. */
  readonly renewMs: number;
  /** How long a closed stream may take to come back. */
  readonly graceMs: number;
  /** How long a grant may wait for its stream. */
  readonly grantMs: number;
  /** How long an attempt may last in all, however alive its agent is. */
  readonly attemptMs: number;
}

/** Default lease: 15 s, renewed every 5 s, 2 s of grace, 3 s for a grant to be taken up. */
export function leaseTimes(leaseMs = 15_000): LeaseTimes {
  return {
    leaseMs,
    renewMs: Math.round(leaseMs / 3),
    graceMs: Math.round((leaseMs * 2) / 15),
    grantMs: Math.round(leaseMs / 5),
    attemptMs: 2 * 60 * 60_000,
  };
}

/** `<hash>.<generation>.<attempt>`: the attempt in message ids, Redis and folder names. */
export function attemptKey(id: AttemptId): string {
  return `${id.requestHash}.${id.generation}.${id.attempt}`;
}

/** The attempt an `attemptKey` names. */
export function parseAttemptKey(key: string): AttemptId | undefined {
  const match = /^([0-9a-f]{64})\.([0-9a-f]{32})\.([1-9]\d*)$/.exec(key);
  const [, requestHash, generation, attempt] = match ?? [];
  if (!requestHash || !generation || !attempt) return undefined;
  return { requestHash, generation, attempt: Number(attempt) };
}

/** 128 random bits of a new lease token, as 32 hex digits. */
export function newLeaseNonce(): string {
  return randomBytes(16).toString('hex');
}

/** The token of an attempt: only who holds the farm key can make one, so a farm that lost Redis still knows its own. */
export function leaseToken(farmKey: Buffer, id: AttemptId, agentId: string, nonce: string): string {
  return (
    nonce +
    createHmac('sha256', farmKey)
      .update(`${nonce}:${attemptKey(id)}:${agentId}`)
      .digest('hex')
  );
}

/** Whether the farm made this lease's token for exactly this attempt and agent. Says nothing about it being current. */
export function isGenuineLease(farmKey: Buffer, lease: Lease): boolean {
  const expected = leaseToken(farmKey, lease, lease.agentId, lease.token.slice(0, 32));
  return (
    expected.length === lease.token.length && timingSafeEqual(Buffer.from(expected), Buffer.from(lease.token))
  );
}
