import { lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FarmError } from '../../shared/errors.ts';
import { runProcess } from '../sandbox/run-process.ts';
import { isDiskFull, TOOL_ENVIRONMENT, withUmask } from '../sandbox/tree.ts';

/** ImageBuilder archives unpack in seconds; a machine that needs longer is broken. Milliseconds. */
const UNPACK_MS = 15 * 60_000;
/** By extension. Source: openwrt, target/imagebuilder/Makefile: xz up to 23.05, zstd from 24.10 on. */
const DECOMPRESSORS: Readonly<Record<string, string>> = { xz: 'xz', zst: 'zstd', gz: 'gzip', bz2: 'bzip2' };

/**
 * Unpacks an archive that holds one top folder, and makes that folder `into`, which must not exist. Modes and times are
 * those of the archive. GNU tar refuses members that would leave the folder.
 * @throws FarmError `infrastructure` with what is wrong; `cancelled`. Something may be left beside `into`.
 */
export async function unpackArchive(archive: string, into: string, signal: AbortSignal): Promise<void> {
  const extension = archive.slice(archive.lastIndexOf('.') + 1);
  const decompressor = DECOMPRESSORS[extension];
  if (!decompressor) throw failure(archive, `.${extension} is no compression this agent knows`);
  const parent = `${into}.unpack`;
  await mkdir(parent);
  const result = await runProcess(
    withUmask([
      'tar',
      ...['--extract', '--no-same-owner', '--same-permissions', '--force-local'],
      ...[`--use-compress-program=${decompressor}`, `--directory=${parent}`, `--file=${archive}`],
    ]),
    { env: TOOL_ENVIRONMENT, signal, timeoutMs: UNPACK_MS },
  );
  if (result.end.by === 'abort') throw new FarmError('cancelled', `unpacking ${archive} was cancelled`);
  if (result.end.by !== 'exit' || result.end.code !== 0) {
    throw failure(archive, result.stderr.tail().trim().slice(-500) || `tar ended by ${result.end.by}`);
  }
  const [top, ...others] = await readdir(parent);
  if (top === undefined || others.length > 0) {
    throw failure(archive, `it holds ${others.length + (top ? 1 : 0)} top entries instead of one folder`);
  }
  if (!(await lstat(join(parent, top))).isDirectory()) throw failure(archive, `${top} in it is no folder`);
  await rename(join(parent, top), into);
  await rmdir(parent);
}

function failure(archive: string, reason: string): FarmError {
  return new FarmError('infrastructure', `could not unpack ${archive}: ${reason}`, {
    details: { breakage: isDiskFull(reason) ? 'disk' : 'builder' },
  });
}
