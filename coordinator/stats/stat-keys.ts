/* Statistics in Redis. They may be lost; nothing depends on them. */

const PREFIX = 'wrtfarm:stats:';

/** What is counted. Source: asu, `add_build_event`. */
export const STAT_EVENTS = ['requests', 'cache-hits', 'cache-misses', 'successes', 'failures'] as const;
export type StatEvent = (typeof STAT_EVENTS)[number];

/** Hash: `<event>`, `<event>:<version>` and `<event>@<hour>` → count of one day. */
export const dayKey = (day: string): string => `${PREFIX}day:${day}`;
/** Sorted set: client name → requests of one day. */
export const clientsKey = (day: string): string => `${PREFIX}clients:${day}`;
/** Sorted set: package → requests of one day, for one branch or for `ALL_BRANCHES`. */
export const packagesKey = (day: string, branch: string): string => `${PREFIX}packages:${day}:${branch}`;
/** Sorted set: the sum of the last days' sets, kept for a minute. */
export const topPackagesKey = (branch: string): string => `${PREFIX}top-packages:${branch}`;
/** List of `BuildError` as JSON, newest first. */
export const ERRORS_KEY = `${PREFIX}errors`;

/** No version has such a branch. */
export const ALL_BRANCHES = '*';

/** The branch of a version: `24.10.4` and `24.10-SNAPSHOT` → `24.10`, `SNAPSHOT` its own. Source: asu, routers/stats.py. */
export function branchLabel(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}
