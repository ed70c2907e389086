import { chmod, chown, lstat, mkdir } from 'node:fs/promises';
import { FarmError } from '../../shared/errors.ts';
import { runProcess } from './run-process.ts';

/** Environment of the small tools this agent runs itself. Fixed, so that a host's locale or PATH changes nothing. */
export const TOOL_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
} as const;

/** The command with umask 022, which ImageBuilder insists on (include/prereq-build.mk), whatever the agent's own is. */
export function withUmask(argv: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return ['/bin/sh', '-c', 'umask 022 && exec "$@"', 'sh', ...argv];
}

/**
 * Removes a folder and all below it, also what a build made unwritable; one that is not there is removed already.
 * @throws FarmError `infrastructure` when something is left.
 */
export async function removeTree(path: string): Promise<void> {
  if (!(await exists(path))) return;
  const options = { env: TOOL_ENVIRONMENT };
  await runProcess(['chmod', '-R', 'u+rwX', '--', path], options);
  const removal = await runProcess(['rm', '-rf', '--', path], options);
  if (await exists(path)) {
    throw new FarmError('infrastructure', `could not remove ${path}: ${removal.stderr.tail().trim()}`);
  }
}

/**
 * Copies what is in a folder into another one, with modes and times: ImageBuilder's host check compiles a tool anew when
 * its source looks newer.
 * @throws FarmError `infrastructure`; `cancelled` when the signal was aborted.
 */
export async function copyTree(from: string, into: string, signal?: AbortSignal): Promise<void> {
  const copy = await runProcess(['cp', '-a', '--reflink=auto', '--', `${from}/.`, into], {
    env: TOOL_ENVIRONMENT,
    ...(signal ? { signal } : {}),
  });
  if (copy.end.by === 'abort') throw new FarmError('cancelled', `copying ${from} was cancelled`);
  if (copy.end.by !== 'exit' || copy.end.code !== 0) {
    throw new FarmError('infrastructure', `could not copy ${from}: ${copy.stderr.tail().trim()}`, {
      details: { breakage: isDiskFull(copy.stderr.tail()) ? 'disk' : 'sandbox' },
    });
  }
}

/** Whether a tool's words say that the disk, or the user's share of it, is full (strerror of ENOSPC and EDQUOT). */
export function isDiskFull(text: string): boolean {
  return /No space left on device|Disk quota exceeded/.test(text);
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Makes a folder that is this user's and this group's own: below a folder that hands its group on (setgid), files would get
 * a group that no user namespace of ours knows, and overlays refuse them.
 */
export async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, process.geteuid?.() ?? -1, process.getegid?.() ?? -1);
  await chmod(path, 0o755);
}
