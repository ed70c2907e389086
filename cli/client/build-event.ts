import type { BuildAnswer, FinalAnswer, UnfinishedAnswer } from './build-answer.ts';

/** What is told of a build while it is followed. */
export type BuildEvent =
  | {
      readonly event: 'queued';
      readonly hash: string;
      readonly position: number | undefined;
      readonly etaSeconds: number | undefined;
      /** The attempt that was lost, where it waits for another one. Not of asu. */
      readonly lostAttempt?: number;
    }
  | { readonly event: 'stage'; readonly hash: string; readonly stage: string }
  | { readonly event: 'log'; readonly line: string }
  /** The log of an attempt that was lost ends; another one's follows. */
  | { readonly event: 'lost'; readonly attempt: number }
  /** This reader is slower than the log, which goes on with what is newest. */
  | { readonly event: 'gap'; readonly skippedBytes: number }
  /** The server does not answer just now; it is asked again. */
  | { readonly event: 'away'; readonly reason: string };

export type OnBuildEvent = (event: BuildEvent) => void;

export function isFinal(answer: BuildAnswer): answer is FinalAnswer {
  return answer.kind === 'done' || answer.kind === 'failed';
}

/** What a poll's answer tells. */
export function eventOf(answer: UnfinishedAnswer): BuildEvent {
  return answer.kind === 'queued'
    ? { event: 'queued', hash: answer.hash, position: answer.position, etaSeconds: answer.etaSeconds }
    : { event: 'stage', hash: answer.hash, stage: answer.stage };
}

/** Passes over what was told last about where the build is; after an absence it is told again. */
export function withoutRepeats(onEvent: OnBuildEvent): OnBuildEvent {
  let told = '';
  return (event) => {
    if (event.event === 'away') told = '';
    if (event.event === 'queued' || event.event === 'stage') {
      const text = JSON.stringify(event);
      if (text === told) return;
      told = text;
    }
    onEvent(event);
  };
}
