import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { FarmError } from '../../shared/errors.ts';

/** How long to wait for the processes of a farm whose `up` is gone, milliseconds. */
const LEFTOVER_MS = 20_000;
const RETRY_MS = 200;

/** The right to use a farm's data folder. */
export interface DataLock extends Disposable {
  /** Children that are given it as an open file keep the lock until they end, also when this process is killed. */
  readonly descriptor: number;
}

/**
 * Locks a data folder, made if need be, for this process and the children that get the descriptor (flock(2)).
 * Waits for leftovers of a farm that was killed, as those end by themselves.
 * @throws FarmError `conflict`, naming the process that holds it.
 */
export async function lockData(directory: string, signal: AbortSignal): Promise<DataLock> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'lock');
  const descriptor = openSync(path, 'a+', 0o600);
  try {
    for (let waitedMs = 0; !tryFlock(descriptor); waitedMs += RETRY_MS) {
      const holder = readFileSync(path, 'utf8').trim();
      const lives = isRunning(Number(holder));
      if (lives || waitedMs >= LEFTOVER_MS) {
        const who = lives ? `process ${holder}` : 'processes of a farm that was killed';
        throw new FarmError(
          'conflict',
          `${directory} is in use by ${who}; stop it, or choose another --data`,
        );
      }
      await systemClock.sleep(RETRY_MS, signal);
    }
    ftruncateSync(descriptor);
    writeSync(descriptor, `${process.pid}\n`);
  } catch (thrown) {
    closeSync(descriptor);
    throw thrown;
  }
  return {
    descriptor,
    [Symbol.dispose]: () => {
      closeSync(descriptor);
    },
  };
}

/** flock(1) locks the open file it is given, which is ours: the lock stays when it has ended. */
function tryFlock(descriptor: number): boolean {
  const { status, error } = spawnSync('flock', ['--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
  });
  if (error) throw new FarmError('unavailable', 'cannot run flock (package util-linux)', { cause: error });
  return status === 0;
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}
