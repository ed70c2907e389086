import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Clock } from './clock.ts';
import { Disposers, type LoopOptions, runLoop } from './lifecycle.ts';

describe('what was opened', () => {
  test('is closed in reverse order, each after the one before is closed', async () => {
    const events: string[] = [];
    {
      await using disposers = new Disposers();
      disposers.add('first', () => {
        events.push('first');
      });
      disposers.add('second', async () => {
        events.push('second begins');
        await Promise.resolve();
        events.push('second ends');
      });
      const third: AsyncDisposable = {
        [Symbol.asyncDispose]: async () => {
          events.push('third');
        },
      };
      expect(disposers.use('third', third)).toBe(third);
      expect(events).toEqual([]);
    }
    expect(events).toEqual(['third', 'second begins', 'second ends', 'first']);
  });

  test('is closed once, and who closes it again waits for the close under way', async () => {
    const disposers = new Disposers();
    let closes = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    disposers.add('slow', async () => {
      closes += 1;
      await released;
    });
    const first = disposers[Symbol.asyncDispose]();
    let isSecondOver = false;
    const second = disposers[Symbol.asyncDispose]().then(() => {
      isSecondOver = true;
    });
    await nextTurn();
    expect(isSecondOver).toBe(false);
    release();
    await Promise.all([first, second]);
    await disposers[Symbol.asyncDispose]();
    expect(closes).toBe(1);
  });

  test('is closed even when something else does not close, which is told by name', async () => {
    const disposers = new Disposers();
    const closed: string[] = [];
    disposers.add('store', () => {
      closed.push('store');
    });
    for (const name of ['server', 'client']) {
      disposers.add(name, () => {
        throw new Error(`${name} is stuck`);
      });
    }
    const failure: unknown = await disposers[Symbol.asyncDispose]().catch((thrown: unknown) => thrown);
    expect(closed).toEqual(['store']);
    expect(failure).toBeInstanceOf(AggregateError);
    expect(failure).toMatchObject({
      errors: [
        { message: 'closing client failed', cause: { message: 'client is stuck' } },
        { message: 'closing server failed', cause: { message: 'server is stuck' } },
      ],
    });
  });
});

interface Recording extends LoopOptions {
  readonly controller: AbortController;
  readonly sleptMs: number[];
  readonly failures: number[];
}

/** Options of a loop whose sleeps end at once, or when aborted, and are noted. */
function recording(): Recording {
  const controller = new AbortController();
  const sleptMs: number[] = [];
  const failures: number[] = [];
  const clock: Clock = {
    now: () => 0,
    steadyMs: () => 0,
    sleep: async (ms, signal) => {
      sleptMs.push(ms);
      signal?.throwIfAborted();
    },
  };
  return {
    controller,
    sleptMs,
    failures,
    signal: controller.signal,
    clock,
    backoff: { minMs: 10, maxMs: 40, random: () => 0 },
    onError: (_thrown, count) => failures.push(count),
  };
}

describe('a loop', () => {
  test('waits as long as each step says, and not at all for zero', async () => {
    const options = recording();
    const answers = [7, 0, 9];
    await runLoop(async () => {
      const waitMs = answers.shift();
      if (waitMs === undefined) options.controller.abort();
      return waitMs ?? 0;
    }, options);
    expect(options.sleptMs).toEqual([7, 9]);
    expect(options.failures).toEqual([]);
  });

  test('goes on after failures with growing waits, and starts over after a success', async () => {
    const options = recording();
    const steps = ['fail', 'fail', 'fail', 'fail', 'work', 'fail'];
    await runLoop(async () => {
      const step = steps.shift();
      if (step === undefined) options.controller.abort();
      if (step === 'fail') throw new Error('no luck');
      return 0;
    }, options);
    expect(options.failures).toEqual([1, 2, 3, 4, 1]);
    expect(options.sleptMs).toEqual([5, 10, 20, 20, 5]);
  });

  test('that is stopped does not report the step that broke because of it', async () => {
    const options = recording();
    await runLoop(async () => {
      options.controller.abort();
      throw options.signal.reason;
    }, options);
    expect(options.failures).toEqual([]);
    expect(options.sleptMs).toEqual([]);
  });

  test('ends when it is stopped while it waits', async () => {
    const options = recording();
    let steps = 0;
    const clock: Clock = {
      now: () => 0,
      steadyMs: () => 0,
      sleep: async (_ms, signal) => {
        options.controller.abort();
        signal?.throwIfAborted();
      },
    };
    await runLoop(async () => ++steps, { ...options, clock });
    expect(steps).toBe(1);
  });

  test('that is stopped before it begins takes no step', async () => {
    const options = recording();
    options.controller.abort();
    await runLoop(async () => {
      throw new Error('a step was taken');
    }, options);
    expect(options.failures).toEqual([]);
  });
});

test('what is opened after all was closed is closed at once, and that is told', async () => {
  const disposers = new Disposers();
  await disposers[Symbol.asyncDispose]();
  let isClosed = false;
  expect(() =>
    disposers.add('late', () => {
      isClosed = true;
    }),
  ).toThrow('late was opened after all was closed');
  await disposers[Symbol.asyncDispose]();
  expect(isClosed).toBe(true);
});
