import { Backoff, type BackoffOptions } from './backoff.ts';
import type { Clock } from './clock.ts';

/** What was opened, closed again in reverse order. Closing twice is closing once; every close is awaited, even after one fails. */
export class Disposers implements AsyncDisposable {
  readonly #entries: { readonly name: string; readonly dispose: () => Promise<void> | void }[] = [];
  #disposing: Promise<void> | undefined;

  /** Registers how to close something just opened. What is opened after disposing began is closed at once, and that throws. */
  add(name: string, dispose: () => Promise<void> | void): void {
    if (this.#disposing) {
      this.#disposing = this.#disposing.then(() => dispose());
      throw new Error(`${name} was opened after all was closed`);
    }
    this.#entries.push({ name, dispose });
  }

  /** Registers a disposable and returns it. */
  use<T extends AsyncDisposable>(name: string, resource: T): T {
    this.add(name, async () => {
      await resource[Symbol.asyncDispose]();
    });
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#disposeAll();
    await this.#disposing;
  }

  async #disposeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      try {
        await entry.dispose();
      } catch (cause) {
        failures.push(new Error(`closing ${entry.name} failed`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some resources did not close');
  }
}

export interface LoopOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly backoff: BackoffOptions;
  /** Told of each failed step and how many failed in a row, from 1; the loop goes on after a back-off. */
  readonly onError: (thrown: unknown, failures: number) => void;
}

/** Calls `step` until the signal is aborted. A step returns how many milliseconds to wait before the next one. Never rejects. */
export async function runLoop(step: () => Promise<number>, options: LoopOptions): Promise<void> {
  const backoff = new Backoff(options.backoff);
  let failures = 0;
  while (!options.signal.aborted) {
    let waitMs: number;
    try {
      waitMs = await step();
      backoff.reset();
      failures = 0;
    } catch (thrown) {
      if (options.signal.aborted) return;
      failures += 1;
      options.onError(thrown, failures);
      waitMs = backoff.nextMs();
    }
    if (waitMs > 0) await options.clock.sleep(waitMs, options.signal).catch(() => undefined);
  }
}
