import type { Lane } from '../../shared/domain/build-spec.ts';

/* Redis keys that TypeScript reads; `lua/common.lua` says what each holds and is the only writer of builds and attempts. */

const PREFIX = 'wrtfarm:';

export const buildKey = (requestHash: string): string => `${PREFIX}build:${requestHash}`;
export const waitingKey = (lane: Lane | string, builder: string): string =>
  `${PREFIX}waiting:${lane}:${builder}`;
export const attemptHashKey = (attemptKey: string): string => `${PREFIX}attempt:${attemptKey}`;
export const agentKey = (agentId: string): string => `${PREFIX}agent:${agentId}`;
export const agentAttemptsKey = (agentId: string): string => `${PREFIX}agent-attempts:${agentId}`;
export const logKey = (attemptKey: string): string => `${PREFIX}log:${attemptKey}`;
/** Why a builder could not be made warm, by agent; kept for a while. */
export const warmFailuresKey = (builder: string, digest: string): string =>
  `${PREFIX}warm-failures:${builder}:${digest}`;
/** How long the newest attempts of a builder took, milliseconds. */
export const durationsKey = (builder: string): string => `${PREFIX}durations:${builder}`;

export const QUEUED_KEY = `${PREFIX}queued`;
export const UNPUBLISHED_KEY = `${PREFIX}unpublished`;
export const UNPURGED_KEY = `${PREFIX}unpurged`;
export const PUBLISHING_KEY = `${PREFIX}publishing`;
export const LEASES_KEY = `${PREFIX}leases`;
export const AGENTS_KEY = `${PREFIX}agents`;
export const DRAINED_AGENTS_KEY = `${PREFIX}drained-agents`;
/** Sorted set: `<builder>|<agent>` by the time until which the order to fetch holds. */
export const WARMING_KEY = `${PREFIX}warming`;
/** Sorted set: `<builder>|<agent>` by the time until which an agent that failed to make a builder warm is not asked again. */
export const WARM_PAUSES_KEY = `${PREFIX}warm-pauses`;
/** Hash: builder → `<count> <counted at>`, see `scheduling/demand.ts`. */
export const DEMAND_KEY = `${PREFIX}demand`;
/** Hash: builder → JSON of its source, as upstream offers it now. */
export const OFFERED_KEY = `${PREFIX}offered`;
/** Set: builders the operator wants warm always. */
export const PINNED_BUILDERS_KEY = `${PREFIX}pinned-builders`;
/** Set: releases that were seen before, as `<distro> <version>`. */
export const SEEN_RELEASES_KEY = `${PREFIX}seen-releases`;
/** Hash: coordinator id → JSON of its addresses and the time it was last seen. */
export const COORDINATORS_KEY = `${PREFIX}coordinators`;
/** A random mark that Redis has until it loses its data. */
export const LIFE_KEY = `${PREFIX}life`;
/** That mark, once Redis has all unfinished builds, as far as their second copies tell. */
export const WHOLE_KEY = `${PREFIX}whole`;
/** Held by the one coordinator whose keeper works. */
export const KEEPER_LOCK_KEY = `${PREFIX}keeper-lock`;
/** How often that changed: a keeper that was replaced is told by it. */
export const KEEPER_TERM_KEY = `${PREFIX}keeper-term`;
