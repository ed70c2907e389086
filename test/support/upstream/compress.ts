import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { FarmError } from '../../../shared/errors.ts';

const COMMANDS = {
  xz: ['xz', '-1', '--threads=1', '--stdout'],
  zst: ['zstd', '-3', '--single-thread', '--quiet', '--stdout'],
} as const;

/** The bytes compressed by Debian's `xz` or `zstd`. Throws `failed_precondition` where that program is missing. */
export async function compress(data: Uint8Array, kind: 'xz' | 'zst'): Promise<Buffer> {
  const [program, ...options] = COMMANDS[kind];
  const child = spawn(program, options, { stdio: ['pipe', 'pipe', 'pipe'] });
  // A program that ends early breaks the pipe; its exit code tells why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(data);
  try {
    const [output, errors] = await Promise.all([
      buffer(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    if (child.exitCode === 0) return output;
    throw new FarmError('infrastructure', `${program} ended with ${child.exitCode}: ${errors.trim()}`);
  } catch (cause) {
    if (cause instanceof FarmError) throw cause;
    throw new FarmError('failed_precondition', `cannot run ${program}; install it to pack ImageBuilders`, {
      cause,
    });
  }
}
