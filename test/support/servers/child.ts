import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

/** A server process of a test. Disposing kills it: nothing it holds is wanted any more, and a polite request can be refused. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  /** Asks it to end, and waits until it is gone. A redis-server that has just become a replica refuses ("Writing initial AOF, can't exit"). */
  stop(): Promise<void>;
  /** Ends it as a power loss would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Stops it where it is: its connections stand and nothing is answered. Until `thaw`. */
  freeze(): void;
  thaw(): void;
}

/** Starts a program with its output in `logPath`. */
export function startProcess(command: string, args: readonly string[], logPath: string): ServerProcess {
  const output = openSync(logPath, 'a');
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', output, output] });
  closeSync(output);
  const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
  failed.catch(() => undefined);
  if (child.pid === undefined) throw new Error(`${command} could not be started; is it installed?`);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    // A frozen one hears of it only now.
    child.kill('SIGCONT');
    await exited;
  };
  return {
    pid: child.pid,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}
