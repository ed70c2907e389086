/** First delay before a dead child is started again, milliseconds. */
export const FIRST_RESTART_MS = 100;
/** Longest delay, milliseconds. */
export const LAST_RESTART_MS = 10_000;
/** A child that lived so long, milliseconds, starts with the first delay again. */
export const STEADY_MS = 60_000;

/** How a child has fared: how often in a row it died young. */
export interface RestartHistory {
  readonly earlyDeaths: number;
}

export const FRESH: RestartHistory = { earlyDeaths: 0 };

/** What to do about a child that died after `livedMs`: start it again after `delayMs`, which doubles while it dies young. */
export function planRestart(
  history: RestartHistory,
  livedMs: number,
): { readonly delayMs: number; readonly history: RestartHistory } {
  const earlyDeaths = livedMs >= STEADY_MS ? 0 : history.earlyDeaths;
  return {
    delayMs: Math.min(LAST_RESTART_MS, FIRST_RESTART_MS * 2 ** Math.min(earlyDeaths, 16)),
    history: { earlyDeaths: earlyDeaths + 1 },
  };
}
