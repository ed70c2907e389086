import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface ProcessPlan {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets all that it says, over its lives. */
  readonly logPath: string;
  /** Resolves when it serves. @param readyLine resolves with its first line of JSON that says `"ready": true`. */
  readonly answers: (readyLine: Promise<unknown>) => Promise<unknown>;
}

/** Before it is started again by itself, milliseconds: as a service manager would. */
const RESTART_MS = 300;
const STOP_MS = 15_000;

/**
 * A program of the farm that may be killed, frozen and started again. One that ends without being told to is started again and
 * told of. Dies with this program, however that ends. Disposing stops it in good order.
 */
export class ManagedProcess implements AsyncDisposable {
  readonly name: string;
  /** What its unasked ends were. A healthy program has none, unless what it needs was away for all its start. */
  readonly unaskedEnds: string[] = [];
  readonly #plan: ProcessPlan;
  #child: ChildProcess | undefined;
  #isWanted = false;
  #isFrozen = false;
  #isReady = false;
  #starting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: ProcessPlan) {
    this.name = plan.name;
    this.#plan = plan;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isUp(): boolean {
    return this.#child !== undefined;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Starts it unless it runs, and waits until it serves. */
  async start(): Promise<void> {
    this.#isWanted = true;
    if (!this.#child) this.#starting = this.#launch();
    await this.#starting;
  }

  /** SIGKILL, and waits until it is gone. It stays down until it is started. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  freeze(): void {
    if (this.#child?.kill('SIGSTOP')) this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#child?.kill('SIGCONT');
  }

  /** Lets a program with a clock of its own look at it; one that is only starting looks by itself. */
  clockWasSet(): void {
    if (this.#isReady) this.#child?.kill('SIGUSR2');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isWanted = false;
    this.#isFrozen = false;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(patience);
  }

  async #launch(): Promise<void> {
    const { command, env, logPath, answers } = this.#plan;
    const log = openSync(logPath, 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
      env: { ...env },
      stdio: ['ignore', 'pipe', log],
    });
    closeSync(log);
    this.#child = child;
    const ended = once(child, 'exit').then(([code, signal]) => {
      const when = this.#isReady ? 'while it served' : 'before it was ready';
      this.#child = undefined;
      this.#isReady = false;
      if (!this.#isWanted) return;
      this.unaskedEnds.push(
        `${new Date().toISOString()} ${this.name} ended with ${code ?? signal}, ${when}: ${lastWords(logPath)}`,
      );
      this.#timer = setTimeout(() => void this.start().catch(() => undefined), RESTART_MS);
    });
    await Promise.race([
      answers(readyLine(child)),
      ended.then(() => {
        throw new Error(`${this.name} ended before it was ready; see ${logPath}`);
      }),
    ]);
    this.#isReady = true;
  }
}

function lastWords(logPath: string): string {
  return readFileSync(logPath, 'utf8').trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}

/** What a program says of itself when it is ready. Never resolves for one that says nothing. */
function readyLine(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => {
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('"ready":true')) resolve(JSON.parse(line));
    });
  });
}
