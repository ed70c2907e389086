import type { AttemptId, Lease } from '../../shared/domain/lease.ts';
import { attemptKey } from '../../shared/domain/lease.ts';
import type { Grant } from '../../shared/messages/pull.ts';
import { HeldAttempt, type HeldAttemptDependencies } from './held-attempt.ts';

/** The attempts this agent holds. Stopped by `drain`. */
export class Attempts {
  readonly #deps: HeldAttemptDependencies;
  readonly #onChange: () => void;
  readonly #held = new Map<string, { readonly attempt: HeldAttempt; readonly done: Promise<void> }>();
  #isHandingBack = false;

  /** @param onChange told after an attempt began or ended. */
  constructor(deps: HeldAttemptDependencies, onChange: () => void) {
    this.#deps = deps;
    this.#onChange = onChange;
  }

  leases(): readonly Lease[] {
    return [...this.#held.values()].map(({ attempt }) => attempt.lease);
  }

  /** Begins an attempt; the same grant again is passed over. */
  start(grant: Grant): void {
    const attempt = new HeldAttempt(grant, this.#deps);
    if (this.#held.has(attempt.key)) return;
    if (this.#isHandingBack) attempt.handBack();
    const done = attempt.run().finally(() => {
      this.#held.delete(attempt.key);
      this.#onChange();
    });
    this.#held.set(attempt.key, { attempt, done });
    this.#onChange();
  }

  cancel(ids: readonly AttemptId[]): void {
    for (const id of ids) this.#held.get(attemptKey(id))?.attempt.cancel();
  }

  /** Waits for all attempts to end; those still running when `signal` is aborted are handed back. */
  async drain(signal: AbortSignal): Promise<void> {
    const handBack = (): void => {
      this.#isHandingBack = true;
      for (const { attempt } of this.#held.values()) attempt.handBack();
    };
    if (signal.aborted) handBack();
    else signal.addEventListener('abort', handBack, { once: true });
    while (this.#held.size > 0) await Promise.all([...this.#held.values()].map(({ done }) => done));
    signal.removeEventListener('abort', handBack);
  }
}
