import { type ChildProcess, type StdioPipe, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { FarmError } from '../../shared/errors.ts';
import { OutputCapture } from './output-capture.ts';
import { openOutputPipe } from './output-pipe.ts';

export interface ProcessOptions {
  /** The whole environment of the process; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Default `/`. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Wall-clock limit, milliseconds. Default: none. */
  readonly timeoutMs?: number;
  /** Between TERM and KILL, milliseconds. Default 2000. */
  readonly killAfterMs?: number;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Bytes of each stream the result keeps from its end, and a quarter of it from its beginning. Default 256 KiB. */
  readonly tailBytes?: number;
  /**
   * The process is a jail. It asks on file descriptor 3 before it begins its work, and waits for a line `go` on its
   * standard input, which ends when this program does. It ends after all processes inside, and is stopped from inside.
   * Without it standard input is empty.
   */
  readonly isJail?: boolean;
  /** FIFOs to take the output from, one after the other process. Default: sockets, which cannot be opened by name. */
  readonly fifos?: { readonly stdout: string; readonly stderr: string };
}

/** Why a process ended: by itself, by somebody's signal, by its time limit, or because its caller gave up. */
export type ProcessEnd =
  | { readonly by: 'exit'; readonly code: number }
  | { readonly by: 'signal'; readonly signal: string }
  | { readonly by: 'timeout' }
  | { readonly by: 'abort' };

export interface ProcessResult {
  readonly end: ProcessEnd;
  readonly stdout: OutputCapture;
  readonly stderr: OutputCapture;
  /** A jail stood and was let go; always true for others. */
  readonly started: boolean;
}

const DEFAULT_TAIL_BYTES = 256 * 1024;
/** How long output may still arrive after the process ended, when a stray child holds its pipes open. */
const CLOSE_MS = 1_000;

/**
 * Runs a program in a process group of its own and waits for its end. Abort and time limit send TERM to the group, then
 * KILL. An exit code is a result, not an error.
 * @throws FarmError `infrastructure` when the program cannot be started.
 */
export async function runProcess(
  argv: readonly [string, ...string[]],
  options: ProcessOptions,
): Promise<ProcessResult> {
  const stdout = newCapture(options);
  const stderr = newCapture(options);
  if (options.signal?.aborted) return { end: { by: 'abort' }, stdout, stderr, started: false };
  const { child, outputs } = start(argv, options);
  outputs.stdout.on('data', (chunk: Buffer) => {
    stdout.write(chunk);
    options.onStdout?.(chunk);
  });
  outputs.stderr.on('data', (chunk: Buffer) => {
    stderr.write(chunk);
    options.onStderr?.(chunk);
  });
  const gate = options.isJail ? openGate(child) : { passed: () => true };
  try {
    const end = await waitForEnd(child, argv[0], options);
    await closed([outputs.stdout, outputs.stderr]);
    return { end, stdout, stderr, started: gate.passed() };
  } finally {
    for (const stream of [outputs.stdout, outputs.stderr, ...child.stdio]) stream?.destroy();
  }
}

function newCapture(options: ProcessOptions): OutputCapture {
  const tailBytes = options.tailBytes ?? DEFAULT_TAIL_BYTES;
  return new OutputCapture({ tailBytes, headBytes: Math.ceil(tailBytes / 4) });
}

interface Started {
  readonly child: ChildProcess;
  readonly outputs: { readonly stdout: Readable; readonly stderr: Readable };
}

function start(argv: readonly [string, ...string[]], options: ProcessOptions): Started {
  const [program, ...args] = argv;
  const pipes = options.fifos && [openOutputPipe(options.fifos.stdout), openOutputPipe(options.fifos.stderr)];
  const output = (index: number): StdioPipe | number => pipes?.[index]?.writeDescriptor ?? 'pipe';
  try {
    const child = spawn(program, args, {
      cwd: options.cwd ?? '/',
      env: { ...options.env },
      detached: true,
      stdio: options.isJail ? ['pipe', output(0), output(1), 'pipe'] : ['ignore', output(0), output(1)],
    });
    const stdout = pipes?.[0]?.readable ?? child.stdout;
    const stderr = pipes?.[1]?.readable ?? child.stderr;
    if (!stdout || !stderr) throw new Error('it was started without outputs');
    return { child, outputs: { stdout, stderr } };
  } catch (cause) {
    for (const pipe of pipes ?? []) pipe.readable.destroy();
    throw cannotStart(program, cause);
  } finally {
    for (const pipe of pipes ?? []) pipe.release();
  }
}

function cannotStart(program: string, cause: unknown): FarmError {
  return new FarmError(
    'infrastructure',
    `could not start ${program}; is it installed on this machine? (${cause instanceof Error ? cause.message : String(cause)})`,
    { cause },
  );
}

/** Lets the jail begin. Pipe errors mean that it is gone, which its end tells better. */
function openGate(child: ChildProcess): { passed(): boolean } {
  let passed = false;
  const input = child.stdin;
  const asks = child.stdio[3] as Duplex | null | undefined;
  input?.on('error', () => undefined);
  asks?.on('error', () => undefined);
  asks?.once('data', () => {
    passed = true;
    input?.end('go\n');
  });
  return { passed: () => passed };
}

async function waitForEnd(
  child: ChildProcess,
  program: string,
  options: ProcessOptions,
): Promise<ProcessEnd> {
  let stopped: 'timeout' | 'abort' | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = (why: 'timeout' | 'abort') => (): void => {
    if (stopped) return;
    stopped = why;
    if (!options.isJail || !killChildren(child)) signalGroup(child, 'SIGTERM');
    killTimer = setTimeout(() => signalGroup(child, 'SIGKILL'), options.killAfterMs ?? 2_000);
  };
  const onAbort = stop('abort');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(stop('timeout'), options.timeoutMs);
  try {
    const { code, signal } = await exitOf(child, program);
    if (stopped) signalGroup(child, 'SIGKILL');
    if (stopped) return { by: stopped };
    return signal === null ? { by: 'exit', code: code ?? 0 } : { by: 'signal', signal };
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

function exitOf(
  child: ChildProcess,
  program: string,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(cannotStart(program, cause)));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** Waits until all output was read, but not for ever: a child that escaped its group may hold the pipes. */
async function closed(streams: readonly Readable[]): Promise<void> {
  const ends = streams.map(
    (stream) =>
      new Promise<void>((resolve) => {
        if (stream.closed) resolve();
        else stream.once('close', () => resolve());
      }),
  );
  const timer = setTimeout(() => {
    for (const stream of streams) stream.destroy();
  }, CLOSE_MS);
  await Promise.all(ends);
  clearTimeout(timer);
}

/**
 * Kills the first process of a jail and with it all others inside; the jail then ends by itself, when they are gone.
 * @returns false when there is none yet.
 */
function killChildren(jail: ChildProcess): boolean {
  try {
    const pids = readFileSync(`/proc/${jail.pid}/task/${jail.pid}/children`, 'utf8').trim().split(' ');
    if (pids[0] === '') return false;
    for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** The group is the one the child leads; a group that is gone is what was wanted. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nobody is left in the group.
  }
}
