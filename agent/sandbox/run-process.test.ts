import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasCode } from '../../shared/errors.ts';
import { type ProcessOptions, type ProcessResult, runProcess } from './run-process.ts';
import { TOOL_ENVIRONMENT } from './tree.ts';

async function shell(script: string, options: Partial<ProcessOptions> = {}): Promise<ProcessResult> {
  return await runProcess(['/bin/sh', '-c', script], { env: TOOL_ENVIRONMENT, ...options });
}

function openFile(path: string): { readonly descriptor: number; [Symbol.dispose](): void } {
  const descriptor = openSync(path, 'r');
  return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
}

/** Processes whose command line holds the mark. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });
}

test('an exit code is a result, with both outputs apart', async () => {
  const result = await shell('echo out; echo err >&2; exit 7');
  expect(result.end).toEqual({ by: 'exit', code: 7 });
  expect(result.stdout.tail()).toBe('out\n');
  expect(result.stderr.tail()).toBe('err\n');
});

test('a process that is killed tells the signal', async () => {
  expect((await shell('kill -9 $$')).end).toEqual({ by: 'signal', signal: 'SIGKILL' });
});

test('a process sees only the environment it was given, an empty input, and no file this program has open', async () => {
  using file = openFile(import.meta.filename);
  const result = await shell('env | grep -vE "^(PWD|SHLVL|_|OLDPWD)=" | sort; cat; readlink /proc/$$/fd/*', {
    env: { A: '1' },
  });
  expect(file.descriptor).toBeGreaterThan(2);
  expect(result.stdout.tail()).toMatch(/^A=1\n\/dev\/null\n/);
  expect(result.stdout.tail()).not.toContain(import.meta.filename);
});

test('after the time limit the whole group is gone', async () => {
  const mark = `1000.${Date.now()}`;
  const result = await shell(`sleep ${mark} & sleep ${mark}`, { timeoutMs: 100 });
  expect(result.end).toEqual({ by: 'timeout' });
  expect(processesWith(mark)).toEqual([]);
});

test('a group that ignores TERM is killed', async () => {
  const result = await shell('trap "" TERM; echo up; while :; do sleep 1; done', {
    timeoutMs: 200,
    killAfterMs: 100,
  });
  expect(result.end).toEqual({ by: 'timeout' });
  expect(result.stdout.tail()).toBe('up\n');
});

test('an abort stops the process, and one before the start starts nothing', async () => {
  const controller = new AbortController();
  const running = shell('echo up; sleep 1000', {
    signal: controller.signal,
    onStdout: () => controller.abort(),
  });
  expect((await running).end).toEqual({ by: 'abort' });
  const never = await shell('echo up', { signal: controller.signal });
  expect(never).toMatchObject({ end: { by: 'abort' }, started: false });
  expect(never.stdout.tail()).toBe('');
});

test('a stray child that holds the output open does not hold up the end', async () => {
  const mark = randomUUID();
  const result = await shell(`setsid sh -c 'sleep 30; : ${mark}' & echo done`);
  expect(result.end).toEqual({ by: 'exit', code: 0 });
  expect(result.stdout.tail()).toBe('done\n');
  for (const pid of processesWith(mark)) process.kill(Number(pid), 'SIGKILL');
});

test('handlers get everything while the result keeps the tail', async () => {
  let bytes = 0;
  const result = await shell('seq 1 20000', { tailBytes: 12, onStdout: (chunk) => (bytes += chunk.length) });
  expect(bytes).toBe(108_894);
  expect(result.stdout.tail()).toBe('19999\n20000\n');
});

test('a program that is missing is an infrastructure error that names it', async () => {
  const missing = runProcess(['/no/such/program'], { env: {} });
  await expect(missing).rejects.toSatisfy((thrown) => hasCode(thrown, 'infrastructure'));
  await expect(runProcess(['/no/such/program'], { env: {} })).rejects.toThrow('/no/such/program');
});

test('a jail works only after it was answered, and one that never asks has not started', async () => {
  const jail = await shell('echo ask >&3; read -r answer; echo "$answer"', { isJail: true });
  expect(jail).toMatchObject({ started: true, end: { by: 'exit', code: 0 } });
  expect(jail.stdout.tail()).toBe('go\n');
  expect((await shell('exit 3', { isJail: true })).started).toBe(false);
});
