import { readFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hasCode } from '../../shared/errors.ts';
import { Child, type ChildEvent, parseReadyLine } from './child.ts';

const READY = 'echo \'{"ready":true,"http":"http://h"}\'';
let directory: string;
let held: Awaited<ReturnType<typeof open>>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wrtfarm-child-'));
  held = await open(join(directory, 'held'), 'w');
});
afterEach(async () => {
  await held.close();
  await rm(directory, { recursive: true, force: true });
});

function shellChild(script: string, onEvent: (event: ChildEvent) => void = () => undefined): Child {
  return new Child({
    name: 'try',
    command: () => ['sh', '-c', script],
    env: process.env,
    tie: 'control-pipe',
    logPath: join(directory, 'logs', 'try.log'),
    heldDescriptor: held.fd,
    stopMs: 300,
    onEvent,
  });
}

/** Whether a process runs; one that is dead and not yet collected by its parent does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a ready line is told, and other output goes to the log', async () => {
  await using child = shellChild(`echo out; echo err >&2; ${READY}; cat`);
  child.start();
  expect(await child.ready).toMatchObject({ http: 'http://h' });
  expect(await readFile(join(directory, 'logs', 'try.log'), 'utf8')).toContain('err');
});

test('a child that ends before it is ready fails with its last words and is not started again', async () => {
  await using child = shellChild('echo no such port >&2; exit 3');
  child.start();
  const failure: unknown = await child.ready.catch((thrown: unknown) => thrown);
  expect(hasCode(failure, 'unavailable')).toBe(true);
  expect(String(failure)).toMatch(/exit code 3[\s\S]*no such port/);
  expect(child.pid).toBe(0);
});

test('a child that dies later is started again, and what it left running is killed', async () => {
  const events: ChildEvent[] = [];
  let onRestart: () => void = () => undefined;
  const restarted = new Promise<void>((resolve) => {
    onRestart = resolve;
  });
  await using child = shellChild(`sleep 600 & echo $! >${directory}/grandchild; ${READY}; cat`, (event) => {
    events.push(event);
    if (event.event === 'restarted') onRestart();
  });
  child.start();
  await child.ready;
  const first = child.pid;
  const grandchild = Number(await readFile(join(directory, 'grandchild'), 'utf8'));
  expect(isAlive(grandchild)).toBe(true);
  process.kill(first, 'SIGKILL');
  await restarted;
  expect(events).toEqual([
    { event: 'exited', name: 'try', pid: first, reason: 'killed by SIGKILL' },
    { event: 'restarted', name: 'try', pid: child.pid },
  ]);
  expect(isAlive(first)).toBe(false);
  await expect.poll(() => isAlive(grandchild)).toBe(false);
});

test('a child that will not end is killed after its time', async () => {
  const child = shellChild(`trap "" TERM; ${READY}; while :; do sleep 600; done`);
  child.start();
  await child.ready;
  const { pid } = child;
  await child[Symbol.asyncDispose]();
  expect(isAlive(pid)).toBe(false);
});

test('a stopped child is not started again', async () => {
  const events: ChildEvent[] = [];
  const child = shellChild(`${READY}; exec cat`, (event) => events.push(event));
  child.start();
  await child.ready;
  await child[Symbol.asyncDispose]();
  await child[Symbol.asyncDispose]();
  expect(child.pid).toBe(0);
  expect(events).toEqual([]);
});

test('only a JSON object with ready: true is a ready line', () => {
  expect(parseReadyLine('{"ready":true,"id":"a"}')).toEqual({ ready: true, id: 'a' });
  for (const line of ['', 'ready', '{"ready":false}', '{"ready":true', '[]', 'null']) {
    expect(parseReadyLine(line)).toBeUndefined();
  }
});
