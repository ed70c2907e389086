import type { BuildState, Stage } from '../../shared/domain/build.ts';
import type { BuildSpec, Lane } from '../../shared/domain/build-spec.ts';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import type { FarmError } from '../../shared/errors.ts';

/** A build as Redis holds it: the truth about one request hash. */
export interface BuildRecord {
  readonly requestHash: string;
  readonly generation: string;
  readonly state: BuildState;
  readonly lane: Lane;
  readonly source: BuilderSource;
  readonly spec: BuildSpec;
  /** What the first asker called itself; not part of the hash. */
  readonly client: string | null;
  /** Epoch milliseconds. */
  readonly acceptedAt: number;
  /** Number of the newest attempt; 0 before the first. */
  readonly attempt: number;
  /** Where the newest attempt is; null unless `running` or `publishing`. */
  readonly stage: Stage | null;
  /** Builds that will run before this one on the slots it may run on; 0-based, null unless `queued`. */
  readonly position: number | null;
  /** What it waits with, see `fair-order.ts`; null unless `queued`. */
  readonly score: number | null;
  /** Until it is expected to be final, milliseconds from now; null of a final one, and where nobody can say. */
  readonly etaMs: number | null;
  /** Whether a final state is given from memory to whoever asks the same; true before. */
  readonly isCacheable: boolean;
  /** The complete client body (contract 2.5, 2.6) of a final state; null before. */
  readonly answer: Readonly<Record<string, unknown>> | null;
}

/** A validated request, ready to become a build. */
export interface ResolvedRequest {
  readonly spec: BuildSpec;
  /** The builder that upstream offers now, pinned. */
  readonly source: BuilderSource;
  readonly client: string | null;
  /** Why it cannot be built any more; what was built before is given all the same. */
  readonly outdated?: FarmError;
}
