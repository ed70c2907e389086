import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hasCode } from '../../shared/errors.ts';
import { lockData } from './data-lock.ts';

const never = new AbortController().signal;
let directory: string;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'wrtfarm lock ')), 'data');
});
afterEach(async () => {
  await rm(join(directory, '..'), { recursive: true, force: true });
});

/** Whether anybody holds the lock, asked as another process would. */
function isLocked(): boolean {
  return spawnSync('flock', ['--nonblock', join(directory, 'lock'), 'true']).status !== 0;
}

test('a locked folder is refused to others, naming the process, until it is given back', async () => {
  const lock = await lockData(directory, never);
  expect(await readFile(join(directory, 'lock'), 'utf8')).toBe(`${process.pid}\n`);
  const second: unknown = await lockData(directory, never).catch((thrown: unknown) => thrown);
  expect(hasCode(second, 'conflict')).toBe(true);
  expect(String(second)).toContain(`process ${process.pid}`);
  lock[Symbol.dispose]();
  using again = await lockData(directory, never);
  expect(again.descriptor).toBeGreaterThan(2);
});

test('a child that was given the lock keeps it, and its end sets the folder free', async () => {
  const lock = await lockData(directory, never);
  const child = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', lock.descriptor] });
  lock[Symbol.dispose]();
  expect(isLocked()).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isLocked()).toBe(false);
});

test('waiting for leftovers ends when it is not wanted any more', async () => {
  const lock = await lockData(directory, never);
  const child = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', lock.descriptor] });
  lock[Symbol.dispose]();
  // Whoever wrote its number there is gone: only what it started holds the lock.
  const gone = spawnSync('true');
  spawnSync('sh', ['-c', 'echo "$1" >"$2"', 'sh', String(gone.pid), join(directory, 'lock')]);
  const giveUp = new AbortController();
  const waiting = lockData(directory, giveUp.signal).catch((thrown: unknown) => thrown);
  giveUp.abort();
  expect(await waiting).toMatchObject({ name: 'AbortError' });
  child.kill('SIGKILL');
  await once(child, 'exit');
});
