import { BuildSpecSchema } from '../../shared/domain/build-spec.ts';
import { BuilderSourceSchema } from '../../shared/domain/builder.ts';
import { leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';
import type { Log } from '../../shared/log.ts';
import type { Grant, Pull } from '../../shared/messages/pull.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { ScriptAnswer } from '../builds/redis-scripts.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { WaitingView } from '../scheduling/farm-view.ts';
import type { ParkedPull } from './parked-pull.ts';

/** How long an agent leaves the builds of a builder alone when it may take none of them. */
const PASS_OVER_MS = 1_000;

export interface GrantsDependencies {
  readonly queue: JobQueue;
  readonly attempts: AttemptStore;
  readonly farmKey: Buffer;
  readonly leaseMs: number;
  readonly log: Log;
  /** Told of each attempt that is granted. Must not throw. */
  readonly onStarted: () => void;
}

/** Takes builds out of the queue for parked pulls: a job from NATS, then the build itself, by one Lua script. */
export class Grants {
  readonly #deps: GrantsDependencies;

  constructor(deps: GrantsDependencies) {
    this.#deps = deps;
  }

  /** The first build of a set that this pull may have, leased to its agent; undefined when there is none after all. */
  async claim(parked: ParkedPull, set: WaitingView): Promise<Grant | undefined> {
    const { lane, builder, digest } = set;
    const { queue, attempts } = this.#deps;
    const { pull } = parked;
    const job = await queue.fetchJob(lane, builder);
    if (!job) return undefined;
    const nonce = newLeaseNonce();
    const { agentId, session, sequence } = pull;
    const claim = await attempts.claim({ agentId, session, sequence, lane, builder, digest, nonce });
    switch (claim.status) {
      case 'empty':
        job.ack();
        return undefined;
      case 'unknown':
        // Redis lost the agent: its next pull tells all of it again.
        await parked.answer({});
        break;
      case 'superseded':
        parked.forget();
        break;
      case 'ineligible':
      case 'busy':
        parked.passOver(builder, PASS_OVER_MS);
        break;
      case 'granted':
        // The lease is in Redis: that is all an acknowledged job means.
        job.ack();
        return this.#grant(pull, nonce, claim);
    }
    // The job is for somebody else.
    job.release(0);
    queue.wake(lane, builder);
    return undefined;
  }

  #grant(pull: Pull, nonce: string, claim: ScriptAnswer<'claim'>): Grant {
    const { farmKey, leaseMs, log, onStarted } = this.#deps;
    const { requestHash = '', generation = '', attempt = 0 } = claim;
    const id = { requestHash, generation, attempt };
    const { agentId } = pull;
    const source = parseJsonAs(BuilderSourceSchema, claim.source ?? '', `source of build ${requestHash}`);
    const spec = parseJsonAs(BuildSpecSchema, claim.spec ?? '', `spec of build ${requestHash}`);
    onStarted();
    log.info({ requestHash, attempt, agentId }, 'attempt granted');
    const lease = { ...id, agentId, token: leaseToken(farmKey, id, agentId, nonce) };
    return { lease, leaseMs, source, spec };
  }
}
