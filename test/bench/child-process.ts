import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of its own that answers messages one by one. Disposing kills it. */
export interface BenchProcess extends AsyncDisposable {
  readonly pid: number;
  /** Sends a message and resolves with the answer; rejects with what the process says went wrong, or when it ends. */
  ask<T>(message: unknown): Promise<T>;
}

/** @param module a file beside this one that calls `answerParent`. */
export function startProcess(module: string, execArgv: readonly string[] = []): BenchProcess {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const child = fork(path, { execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    pid: child.pid ?? 0,
    ask: (message) => ask(child, message),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await gone;
      clearTimeout(patience);
    },
  };
}

/** Answers each message of the parent process with what `answer` makes of it, and ends with the parent, however that ends. */
export function answerParent<T>(answer: (message: T) => Promise<unknown>): void {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.on('message', (message) => {
    answer(message as T).then(
      (value) => process.send?.({ value }),
      (thrown: unknown) => process.send?.({ error: String(thrown) }),
    );
  });
}

async function ask<T>(child: ChildProcess, message: unknown): Promise<T> {
  const stop = new AbortController();
  try {
    const answered = once(child, 'message', { signal: stop.signal });
    const ended = once(child, 'exit', { signal: stop.signal }).then(([code]) => {
      throw new Error(`a process of the benchmark ended with ${code}`);
    });
    child.send(message as object);
    const [reply] = (await Promise.race([answered, ended])) as [{ value?: T; error?: string }];
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply.value as T;
  } finally {
    stop.abort();
  }
}
