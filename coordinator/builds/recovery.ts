import { binDir } from '../../shared/domain/build.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { attemptKey, isGenuineLease, type Lease } from '../../shared/domain/lease.ts';
import type { Log } from '../../shared/log.ts';
import type { AcceptedBuild } from '../../shared/messages/job.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { SecondCopies } from '../queue/second-copies.ts';
import { OPERATOR, ownerKey } from './build-owner.ts';
import type { BuildStore } from './build-store.ts';
import type { RedisScripts, ScriptAnswer } from './redis-scripts.ts';
import type { OnRepair } from './repairs.ts';

export interface RecoveryDependencies {
  readonly scripts: RedisScripts;
  readonly copies: Pick<SecondCopies, 'of'>;
  readonly builds: Pick<BuildStore, 'finish'>;
  readonly artifacts: Pick<ArtifactStore, 'has' | 'newest'>;
  readonly farmKey: Buffer;
  readonly leaseMs: number;
  readonly log: Log;
  readonly onRepair: OnRepair;
}

/** What became of a second copy: put back; known to Redis as it is; or the copy of what is over. */
export type Restored = 'restored' | 'existing' | 'outdated';

/** Puts back what Redis lost: unfinished builds from their second copies, attempts from the leases of agents that go on with them. */
export class Recovery {
  readonly #deps: RecoveryDependencies;

  constructor(deps: RecoveryDependencies) {
    this.#deps = deps;
  }

  /** Puts back the build of a hash that Redis does not know. True when it knows an unfinished one now. Throws `unavailable`. */
  async build(requestHash: string): Promise<boolean> {
    const copy = await this.#deps.copies.of(requestHash);
    return copy !== undefined && (await this.copy(copy)) !== 'outdated';
  }

  /** Puts back the build of a second copy, to wait again on its owner's account, unless Redis or its `build.json` knows better. */
  async copy(copy: AcceptedBuild): Promise<Restored> {
    const { scripts, artifacts, leaseMs, log, onRepair } = this.#deps;
    const { requestHash, generation, lane, source, spec, client, acceptedAt, owner = OPERATOR } = copy;
    if (await artifacts.has(binDir(requestHash, generation))) return 'outdated';
    const { status } = await scripts.run('restore-accepted', {
      ...{ requestHash, generation, lane, acceptedAt },
      builder: builderToken(source),
      digest: source.digest,
      source: JSON.stringify(source),
      spec: JSON.stringify(spec),
      client: client ?? '',
      owner: ownerKey(owner),
      priority: owner.priority,
      weight: owner.weight,
      // An agent that goes on with it says so within the time of a renewal.
      holdMs: Math.round(leaseMs / 2),
    });
    if (status === 'restored') {
      // Whoever made it final may have been at it: then it is over, by its `build.json`.
      const end = await artifacts.newest(requestHash);
      if (end?.generation === generation) {
        await this.#deps.builds.finish(end);
        return 'outdated';
      }
      log.warn({ requestHash, generation }, 'Redis had lost a build; it is put back from its second copy');
      onRepair('restored_build');
    }
    return status;
  }

  /**
   * Lets an agent go on with an attempt that Redis lost. A lease proves itself by the farm's key, and is refused when its build was
   * given to another attempt meanwhile, or is over.
   */
  async attempt(lease: Lease): Promise<boolean> {
    const { scripts, farmKey, leaseMs, log, onRepair } = this.#deps;
    if (!isGenuineLease(farmKey, lease)) return false;
    const { requestHash, generation, attempt, agentId, token } = lease;
    const args = { requestHash, generation, attempt, agentId, leaseMs };
    const adopt = async (): Promise<ScriptAnswer<'adopt-attempt'>['status']> =>
      (await scripts.run('adopt-attempt', { ...args, key: attemptKey(lease), nonce: token.slice(0, 32) }))
        .status;
    let status = await adopt();
    if (status === 'absent' && (await this.build(requestHash))) status = await adopt();
    // Another write of the same attempt was faster.
    if (status === 'current') return true;
    if (status !== 'adopted') return false;
    log.warn({ requestHash, attempt, agentId }, 'Redis had lost an attempt; its agent goes on with it');
    onRepair('adopted_attempt');
    return true;
  }
}
