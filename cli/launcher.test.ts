import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assetPath } from '../shared/package-root.ts';

/** Stands for npm: writes down what it was asked, takes a moment, and leaves what the real one would. */
const NPM = `#!/bin/sh
echo "$1" >>"$CALLS"
[ ! -f "$CALLS.broken" ] || { echo "npm is broken" >&2; exit 1; }
sleep 0.2
case $1 in
  ci) rm -rf node_modules && mkdir node_modules ;;
  run) mkdir -p dist/cli && echo 'console.log(JSON.stringify([process.cwd(), ...process.argv.slice(2)]))' >dist/cli/main.js ;;
esac
`;
const SOURCES = ['shared', 'coordinator', 'agent', 'cli', 'proto', 'test'];
let base: string;
let checkout: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'wrtfarm launcher '));
  checkout = join(base, 'a checkout');
  await mkdir(join(base, 'bin'));
  await writeFile(join(base, 'bin', 'npm'), NPM, { mode: 0o755 });
  for (const folder of SOURCES) await mkdir(join(checkout, folder), { recursive: true });
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'cli/main.ts']) {
    await writeFile(join(checkout, name), '{}');
  }
  await copyFile(assetPath('wrtfarm'), join(checkout, 'wrtfarm'));
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function launch(program = join(checkout, 'wrtfarm'), ...args: string[]): Promise<Outcome> {
  const env = {
    ...process.env,
    PATH: `${join(base, 'bin')}:${process.env.PATH}`,
    CALLS: join(base, 'calls'),
  };
  return await new Promise((resolve) => {
    execFile('dash', [program, ...args], { cwd: base, env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

/** What npm was asked since the last time. */
async function npmCalls(): Promise<string[]> {
  const path = join(base, 'calls');
  const calls = await readFile(path, 'utf8').catch(() => '');
  await rm(path, { force: true });
  return calls.split('\n').filter((call) => call !== '');
}

async function touch(name: string): Promise<void> {
  const soon = new Date(Date.now() + 5_000);
  await utimes(join(checkout, name), soon, soon);
}

test('the first start installs and compiles, the next one does neither', async () => {
  const first = await launch(undefined, 'build', '--out', 'a b');
  expect(await npmCalls()).toEqual(['ci', 'run']);
  expect(JSON.parse(first.stdout)).toEqual([base, 'build', '--out', 'a b']);
  expect(first.stderr).toBe('wrtfarm: installing npm packages (npm ci)\nwrtfarm: compiling\n');
  const second = await launch(undefined, 'help');
  expect(await npmCalls()).toEqual([]);
  expect(second).toMatchObject({ code: 0, stderr: '' });
});

test('a changed source, a removed one and a changed package-lock.json are noticed', async () => {
  await launch();
  await npmCalls();
  await touch('cli/main.ts');
  await launch();
  expect(await npmCalls()).toEqual(['run']);
  // What is newer than the clock stays newer than the build.
  await utimes(join(checkout, 'cli/main.ts'), 0, 0);
  await launch();
  await npmCalls();
  await touch('shared');
  await launch();
  expect(await npmCalls()).toEqual(['run']);
  await utimes(join(checkout, 'shared'), 0, 0);
  await writeFile(join(checkout, 'package-lock.json'), '{"changed":1}');
  await launch();
  expect(await npmCalls()).toEqual(['ci', 'run']);
});

test('started several times at once, each step is done once', async () => {
  const outcomes = await Promise.all([launch(), launch(), launch()]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(await npmCalls()).toEqual(['ci', 'run']);
});

test('a step that fails shows its output, stops the start, and is tried again next time', async () => {
  await writeFile(join(base, 'calls.broken'), '');
  const failed = await launch();
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('npm is broken');
  expect(failed.stdout).toBe('');
  await rm(join(base, 'calls.broken'));
  await npmCalls();
  expect((await launch()).code).toBe(0);
  expect(await npmCalls()).toEqual(['ci', 'run']);
});

test('it can be started through a symbolic link', async () => {
  await symlink(join('a checkout', 'wrtfarm'), join(base, 'link'));
  const { code, stdout } = await launch(join(base, 'link'), 'version');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([base, 'version']);
});

test('a Node.js that is too old is told before anything else is tried', async () => {
  await writeFile(join(base, 'bin', 'node'), '#!/bin/sh\necho v18.19.0\n', { mode: 0o755 });
  const { code, stderr } = await launch();
  expect(code).toBe(1);
  expect(stderr).toMatch(/Node\.js v18\.19\.0 .* is too old: install version 20\.19 or newer/);
  expect(await npmCalls()).toEqual([]);
});
