import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { assetPath } from '../../shared/package-root.ts';

/** The first line of `wrtfarm up --json`. */
export interface ReadyLine {
  readonly ready: true;
  readonly http: string;
  readonly grpc: string;
  readonly upstream: string;
  readonly coordinators: readonly { readonly http: string; readonly grpc: string; readonly pid: number }[];
  readonly pids: Readonly<Record<string, number>>;
  readonly agentCommand: readonly string[];
}

/** `wrtfarm up`, run as its users run it. Disposing stops it and waits for its end. */
export interface RunningUp extends AsyncDisposable {
  readonly ready: ReadyLine;
  /** Current process id of a child, restarts counted in. */
  pidOf(name: string): number;
  readonly process: ChildProcess;
  /** Resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts it on a data folder, with the miniature upstream and ports of its own choice. */
export async function startUp(data: string, flags: readonly string[] = []): Promise<RunningUp> {
  const child = spawn(
    process.execPath,
    [
      assetPath('dist/cli/main.js'),
      'up',
      '--json',
      '--upstream',
      'mini',
      '--http-port',
      '0',
      '--grpc-port',
      '0',
      '--data',
      data,
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const pids: Record<string, number> = {};
  const lines = createInterface({ input: child.stdout });
  const ready = await new Promise<ReadyLine>((resolve, reject) => {
    lines.on('line', (line) => {
      const said = JSON.parse(line) as {
        ready?: true;
        pids?: Record<string, number>;
        event?: string;
        name?: string;
        pid?: number;
      };
      if (said.ready) {
        Object.assign(pids, said.pids);
        resolve(said as ReadyLine);
      }
      if (said.event === 'restarted' && said.name && said.pid) pids[said.name] = said.pid;
    });
    exited.then((code) => reject(new Error(`up ended with ${code}: ${errors}`)), reject);
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return await exited;
  };
  return {
    ready,
    process: child,
    pidOf: (name) => pids[name] ?? 0,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}
