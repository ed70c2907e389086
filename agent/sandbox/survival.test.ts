import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath, packageRoot } from '../../shared/package-root.ts';
import { ALL_METHODS } from './open-sandbox.ts';

const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
/** Root is the harder case for nothing outliving it, an ordinary user the more usual one. */
const users = isRoot ? ([undefined, NOBODY] as const) : ([undefined] as const);
const cases = users.flatMap((user) =>
  ALL_METHODS.map((method, number) => ({
    ...method,
    number,
    user,
    who: user === NOBODY ? 'nobody' : 'this user',
  })),
);

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wrtfarm-survival-'));
  chmodSync(directory, 0o755);
  const config = {
    extends: assetPath('tsconfig.json'),
    compilerOptions: {
      outDir: join(directory, 'js'),
      rootDir: packageRoot,
      typeRoots: [assetPath('node_modules/@types')],
      noCheck: true,
      sourceMap: false,
    },
    include: [],
    files: [assetPath('agent/sandbox/hold-view.test.support.ts')],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  symlinkSync(assetPath('node_modules'), join(directory, 'node_modules'));
  execFileSync(process.execPath, [assetPath('node_modules/.bin/tsc'), '-p', directory]);
});

afterAll(() => {
  execFileSync('chmod', ['-R', 'u+rwX', directory]);
  rmSync(directory, { recursive: true });
});

test.each(cases)(
  'nothing of a build outlives a killed agent: $layering with $jail as $who',
  async ({ number, user }) => {
    const mark = `1000.${process.pid}${number}${user ?? ''}`;
    const data = join(directory, `data-${mark}`);
    mkdirSync(join(data, 'tree'), { recursive: true });
    if (user !== undefined) for (const path of [data, join(data, 'tree')]) chownSync(path, user, user);
    const helper = spawn(
      process.execPath,
      [
        join(directory, 'js/agent/sandbox/hold-view.test.support.js'),
        join(data, 'attempts'),
        String(number),
        join(data, 'tree'),
        mark,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], ...(user === undefined ? {} : { uid: user, gid: user }) },
    );
    const exited = new Promise((resolve) => helper.once('exit', resolve));
    const [line] = await Promise.race([
      new Promise<string[]>((resolve) => helper.stdout.once('data', (chunk) => resolve([String(chunk)]))),
      exited.then(() => ['ended early']),
    ]);
    expect(line).toBe('up\n');
    await expect.poll(() => sleepersWith(mark), { interval: 10 }).toHaveLength(2);
    helper.kill('SIGKILL');
    await exited;
    await expect.poll(() => processesWith(mark), { interval: 10 }).toEqual([]);
  },
);

/** The build's own sleeping processes. */
function sleepersWith(mark: string): string[] {
  return processesWith(mark).filter((commandLine) => commandLine.startsWith('sleep\0'));
}

/** Command lines that hold the mark; those of the test's own programs too, which are gone after the kill. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return commandLine.includes(mark) ? [commandLine] : [];
    } catch {
      return [];
    }
  });
}
