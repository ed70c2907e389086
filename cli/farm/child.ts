import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { systemClock } from '../../shared/clock.ts';
import { FarmError } from '../../shared/errors.ts';
import { type LogFile, openLogFile, tailOf } from './log-file.ts';
import { FRESH, planRestart, type RestartHistory } from './restart-policy.ts';

/** What a child's ready line says; see `cli/service.ts`. */
export type ReadyFacts = Readonly<Record<string, unknown>>;

export interface ChildOptions {
  /** Of the process in this farm: `agent-1`, `nats`. */
  readonly name: string;
  /** Program and arguments, asked for at each start. */
  readonly command: () => readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `control-pipe`: the child stops when its standard input ends. `none`: it is made to end by its own command. */
  readonly tie: 'control-pipe' | 'none';
  readonly logPath: string;
  /** An open file the child shall hold until it ends; see `DataLock`. */
  readonly heldDescriptor: number;
  /** Longest time for ending after SIGTERM, milliseconds; then it is killed. */
  readonly stopMs: number;
  readonly onEvent: (event: ChildEvent) => void;
}

export type ChildEvent =
  | { readonly event: 'exited'; readonly name: string; readonly pid: number; readonly reason: string }
  | { readonly event: 'restarted'; readonly name: string; readonly pid: number };

/**
 * A process of the farm that is started again when it dies, by `planRestart`, until it is stopped.
 * It runs in a process group of its own, so Ctrl-C in the terminal does not reach it. Its output goes to its log.
 * States: not started → running ⇄ waiting to start again → stopped, which is final.
 */
export class Child implements AsyncDisposable {
  readonly #options: ChildOptions;
  readonly #stop = new AbortController();
  readonly #ready: {
    resolve(facts: ReadyFacts): void;
    reject(reason: Error): void;
    promise: Promise<ReadyFacts>;
  };
  #process: ChildProcess | undefined;
  #life: Promise<void> | undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#ready = promiseWithResolvers();
    this.#ready.promise.catch(() => undefined);
  }

  get name(): string {
    return this.#options.name;
  }

  /** Of the process that runs now; 0 when none does. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /**
   * The first ready line of a child that prints one. Rejects with `unavailable`, and the end of its log, when the child
   * ends before it; so does `started` for servers that print none.
   */
  get ready(): Promise<ReadyFacts> {
    return this.#ready.promise;
  }

  /** Starts the process. A child that ends before `markReady` or its ready line is not started again. */
  start(): void {
    this.#life ??= this.#live();
  }

  /** For a child without a ready line: its server answers. From now on it is started again when it dies. */
  markReady(): void {
    this.#ready.resolve({});
  }

  /** SIGKILL to the process and its group, at once. */
  kill(): void {
    this.#stop.abort();
    killGroup(this.pid);
  }

  /** SIGTERM, then SIGKILL after `stopMs`. Resolves when the process is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isFirst = !this.#stop.signal.aborted;
    this.#stop.abort();
    if (!this.#life) return;
    if (isFirst) this.#process?.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(this.pid), this.#options.stopMs);
    await this.#life;
    clearTimeout(timer);
  }

  async #live(): Promise<void> {
    const { name, onEvent, logPath } = this.#options;
    const stop = this.#stop.signal;
    let history: RestartHistory = FRESH;
    let isReady = false;
    this.#ready.promise.then(
      () => {
        isReady = true;
      },
      () => undefined,
    );
    const log = openLogFile(logPath);
    try {
      for (let isFirst = true; !stop.aborted; isFirst = false) {
        const startedAt = performance.now();
        const exit = this.#spawn(log);
        if (!isFirst) onEvent({ event: 'restarted', name, pid: this.pid });
        const pid = this.pid;
        const reason = await exit;
        killGroup(pid);
        this.#process = undefined;
        if (stop.aborted) break;
        if (!isReady) {
          const tail = tailOf(logPath, 12).map((line) => `  ${line}`);
          this.#ready.reject(
            new FarmError(
              'unavailable',
              [`${name} did not start: ${reason}. Its log, ${logPath}, ends:`, ...tail].join('\n'),
            ),
          );
          return;
        }
        onEvent({ event: 'exited', name, pid, reason });
        const plan = planRestart(history, performance.now() - startedAt);
        history = plan.history;
        await systemClock.sleep(plan.delayMs, stop).catch(() => undefined);
      }
      this.#ready.reject(new FarmError('cancelled', `${name} was stopped before it was ready`));
    } finally {
      log.close();
    }
  }

  /** Starts the process once. @returns how it ended, in words; never rejects. */
  #spawn(log: LogFile): Promise<string> {
    const { command, env, tie, heldDescriptor } = this.#options;
    const [program, ...args] = command();
    const child = spawn(program, args, {
      detached: true,
      env: { ...env },
      stdio: [tie === 'control-pipe' ? 'pipe' : 'ignore', 'pipe', log.descriptor, heldDescriptor],
    });
    this.#process = child;
    child.stdin?.on('error', () => undefined);
    const output = child.stdout;
    if (output) {
      createInterface({ input: output }).on('line', (line) => {
        const facts = parseReadyLine(line);
        if (facts) this.#ready.resolve(facts);
        else log.write(`${line}\n`);
      });
    }
    return new Promise((resolve) => {
      child.once('error', (error) => resolve(`cannot run ${program}: ${error.message}`));
      child.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `exit code ${code}`));
    });
  }
}

/** The facts of a ready line, or `undefined` for any other line. */
export function parseReadyLine(line: string): ReadyFacts | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    const isReady = typeof value === 'object' && value !== null && 'ready' in value && value.ready === true;
    return isReady ? (value as ReadyFacts) : undefined;
  } catch {
    return undefined;
  }
}

/** SIGKILL to a process group, also to what its dead leader left behind. */
function killGroup(pid: number): void {
  if (pid <= 0) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of the group.
  }
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function promiseWithResolvers<T>(): {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: Error): void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
