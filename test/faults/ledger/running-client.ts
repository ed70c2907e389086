import { fork } from 'node:child_process';
import { once } from 'node:events';
import { assetPath } from '../../../shared/package-root.ts';
import type { ClientPlan } from './client.ts';

/** The client at work, in a process of its own that nothing is done to. Disposing ends it. */
export interface RunningClient extends AsyncDisposable {
  /** Requests that were accepted, and builds whose end it has not heard. */
  progress(): { readonly accepted: number; readonly open: number };
  /** Aborted when all its requests were accepted. */
  readonly allAccepted: AbortSignal;
  /** Resolves when it has heard the end of every build; rejects when it broke. */
  readonly done: Promise<void>;
  /** Lets it ask for nothing new. */
  enough(): void;
  /** Lets it write down what is open, and end. */
  stop(): void;
}

export function startClient(plan: ClientPlan): RunningClient {
  const child = fork(assetPath('dist/test/faults/ledger/client-process.js'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const accepted = new AbortController();
  let progress = { accepted: 0, open: 0 };
  child.on('message', (message) => {
    progress = message as typeof progress;
    if (progress.accepted >= plan.builds) accepted.abort();
  });
  const done = once(child, 'exit').then(([code, signal]) => {
    if (code !== 0) throw new Error(`the client ended with ${code ?? signal}`);
  });
  done.catch(() => undefined);
  child.send(plan);
  return {
    progress: () => progress,
    allAccepted: accepted.signal,
    done,
    enough: () => void (child.connected && child.send('enough')),
    stop: () => void (child.connected && child.send('stop')),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await done.catch(() => undefined);
    },
  };
}
