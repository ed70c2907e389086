/** A finished build as its removal is decided. */
export interface KeptBuild {
  /** The folder of its files. */
  readonly binDir: string;
  readonly requestHash: string;
  readonly generation: string;
  /** Epoch milliseconds. */
  readonly finishedAt: number;
  readonly expiresAt: number;
  readonly sizeBytes: number;
}

export interface RetentionLimits {
  /** How long files stay after their result has expired, milliseconds. */
  readonly graceMs: number;
  /** Bytes all kept files may have together; beyond it the oldest go first. 0 for no limit. */
  readonly maxBytes: number;
}

const MAX_LOOK_MS = 10 * 60_000;
const MIN_LOOK_MS = 1_000;

/**
 * How often the store is looked through: as often as the shortest-lived result goes, but not so often that reading every record
 * of a large store weighs. Milliseconds.
 * @param lifetimesMs how long results hold, by kind.
 */
export function lookEveryMs(lifetimesMs: readonly number[], graceMs: number): number {
  return Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, Math.min(...lifetimesMs) + graceMs));
}

/**
 * Which builds are removed now: those whose grace is over, then the oldest until the rest fits. A file that two builds share
 * counts for each of them, so the limit holds in any case.
 */
export function buildsToRemove(
  builds: readonly KeptBuild[],
  limits: RetentionLimits,
  now: number,
): readonly KeptBuild[] {
  const isOver = (build: KeptBuild): boolean => build.expiresAt + limits.graceMs <= now;
  const removed = builds.filter(isOver);
  const kept = builds
    .filter((build) => !isOver(build))
    .sort((left, right) => left.finishedAt - right.finishedAt);
  let sizeBytes = kept.reduce((sum, build) => sum + build.sizeBytes, 0);
  for (const build of kept) {
    if (limits.maxBytes === 0 || sizeBytes <= limits.maxBytes) break;
    removed.push(build);
    sizeBytes -= build.sizeBytes;
  }
  return removed;
}
