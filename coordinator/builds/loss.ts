import { BREAKAGES, type Breakage } from '../../shared/domain/attempt-result.ts';

/** Why attempts are lost; a small closed set, for metrics. */
export const LOSS_CAUSES = [
  'lease_expired',
  'agent_restarted',
  'broken',
  'grant_not_taken',
  'handed_back',
] as const;
export type LossCause = (typeof LOSS_CAUSES)[number];

/** What went wrong with a lost attempt, as far as clients are told: who and where it was is for the log. */
export const TROUBLES = [...BREAKAGES, 'gone'] as const;
export type Trouble = (typeof TROUBLES)[number];

const WORDS: Readonly<Record<Trouble, string>> = {
  feed: 'packages could not be fetched',
  builder: 'the ImageBuilder could not be used',
  disk: 'a disk was full or failed',
  sandbox: 'the sandbox failed',
  agent: 'the machine that made it failed',
  gone: 'the machine that made it went away',
};

/** @param breakage what the agent says of a `broken` attempt. */
export function troubleOf(cause: LossCause, breakage: Breakage = 'agent'): Trouble {
  return cause === 'broken' ? breakage : 'gone';
}

/** Why a build was given up, for its client. */
export function lossText(troubles: readonly Trouble[]): string {
  const words = [...new Set(troubles)].map((trouble) => WORDS[trouble]).join('; ');
  return `The build was lost ${troubles.length} times, not by its own fault: ${words}. Please try again later.`;
}
