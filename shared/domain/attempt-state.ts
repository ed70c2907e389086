/** The states of a live attempt; `absent` before its grant and after its end, when a lease of it fences nothing in. */
export const ATTEMPT_STATES = ['absent', 'granted', 'running'] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

/**
 * The legal moves. `absent → running` is an attempt that Redis lost and its agent goes on with; `running → running` a stream that was
 * opened again. The same table guards the Lua scripts.
 */
export const ATTEMPT_MOVES: Readonly<Record<AttemptState, readonly AttemptState[]>> = {
  absent: ['granted', 'running'],
  granted: ['running', 'absent'],
  running: ['running', 'absent'],
};
