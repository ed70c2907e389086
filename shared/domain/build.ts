import { createHash, randomBytes } from 'node:crypto';

/** The states of a build. `done`, `failed` and `cancelled` are final. */
export const BUILD_STATES = ['queued', 'running', 'publishing', 'done', 'failed', 'cancelled'] as const;
export type BuildState = (typeof BUILD_STATES)[number];

/**
 * The legal moves. `queued → queued` is a lost grant or a back-off; `running → queued` a lost or handed back attempt;
 * `→ publishing` fixes the winner, and only the commit of `build.json` leaves it. The same table guards the Lua scripts.
 */
export const BUILD_MOVES: Readonly<Record<BuildState, readonly BuildState[]>> = {
  queued: ['running', 'publishing'],
  running: ['queued', 'publishing'],
  publishing: ['done', 'failed', 'cancelled'],
  done: [],
  failed: [],
  cancelled: [],
};

export function isFinal(state: BuildState): boolean {
  return BUILD_MOVES[state].length === 0;
}

/** How a build ended. */
export const OUTCOMES = ['done', 'failed', 'cancelled'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Where an attempt is, in the words clients know. Source: asu, `X-Imagebuilder-Status`. */
export const STAGES = [
  'init',
  'container_setup',
  'validate_revision',
  'validate_manifest',
  'building_image',
] as const;
export type Stage = (typeof STAGES)[number];

/** Lost attempts after which a build fails honestly instead of being tried again. */
export const MAX_LOST_ATTEMPTS = 3;

/** 32 hex digits; a build made anew under the same hash gets another one. */
export const GENERATION_PATTERN = '^[0-9a-f]{32}$';

export function newGeneration(): string {
  return randomBytes(16).toString('hex');
}

/** The public folder of a build's files: 64 hex digits of hash and generation, so bytes under a URL never change. */
export function binDir(requestHash: string, generation: string): string {
  return createHash('sha256').update(`wrtfarm bin_dir 1:${requestHash}:${generation}`).digest('hex');
}
