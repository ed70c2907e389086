/** How a person or a supervisor asks this process to stop. */
export interface StopRequests extends Disposable {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP: stop in good order. */
  readonly stop: AbortSignal;
  /** Aborted by the second one: stop at once. */
  readonly kill: AbortSignal;
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes the signals over until disposed. */
export function watchSignals(): StopRequests {
  const stop = new AbortController();
  const kill = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) kill.abort();
    else stop.abort();
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  return {
    stop: stop.signal,
    kill: kill.signal,
    [Symbol.dispose]: () => {
      for (const name of STOP_SIGNALS) process.off(name, onSignal);
    },
  };
}

/** Resolves when the signal is aborted; at once when it is already. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Aborted when standard input ends: whoever holds its other end is gone. The pipe is never written to. */
export function watchControlPipe(input: NodeJS.ReadableStream): AbortSignal {
  const ended = new AbortController();
  for (const event of ['end', 'close', 'error']) input.once(event, () => ended.abort());
  input.resume();
  return ended.signal;
}
