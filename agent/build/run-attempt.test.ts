import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import { hasCode } from '../../shared/errors.ts';
import { silentLog } from '../../shared/log.ts';
import type { WarmBuilder } from '../builders/warm-builder.ts';
import { openSandbox } from '../sandbox/open-sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { type AttemptOptions, type FinishedAttempt, runAttempt } from './run-attempt.ts';
import { smallBuilder, smallSpec } from './small-builder.test.support.ts';

const MARK = `1000.${randomUUID().replaceAll(/\D/g, '')}`;
/** What the small builder can be made to do, by the names in PACKAGES. */
const ACTS = {
  unknown:
    'printf "ERROR: unable to select packages:\\n  foo (no such package):\\n    required by: world[foo]\\n" >&2; exit 1',
  unreachable: 'printf "ERROR: wget: exited with error 4\\n  foo (no such package):\\n" >&2; exit 1',
  full: 'echo "write error: No space left on device" >&2; exit 1',
  fail: 'echo "postinst script ./x has failed" >&2; exit 1',
  sleep: `setsid sleep ${MARK} & echo asleep; sleep ${MARK}`,
  much: 'seq 1 200000',
  umask: 'umask',
  utf: 'printf "caf\\303"; sleep 0.1; printf "\\251\\n"',
};

let data: string;
let sandbox: Sandbox;
let builder: WarmBuilder;
let stages: string[];
let log: string;

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'wrtfarm attempt '));
  sandbox = await openSandbox({ log: silentLog }, { directory: join(data, 'attempts'), environment: {} });
  builder = smallBuilder(join(data, 'warm builder'), { acts: ACTS });
});

afterAll(() => {
  execFileSync('chmod', ['-R', 'u+rwX', data]);
  rmSync(data, { recursive: true });
});

beforeEach(() => {
  stages = [];
  log = '';
});

async function run(
  changes: Partial<BuildSpec> = {},
  options: Partial<AttemptOptions> = {},
  used: WarmBuilder = builder,
): Promise<FinishedAttempt> {
  return await runAttempt(
    { builder: used, spec: smallSpec(changes), sandbox, upstream: 'http://127.0.0.1:9/mirror' },
    {
      onStage: (stage) => stages.push(stage),
      onLog: (text) => {
        log += text;
      },
      signal: new AbortController().signal,
      buildTimeoutMs: 20_000,
      maxLogBytes: 1024 * 1024,
      ...options,
    },
  );
}

test('a build that succeeds tells its files, its manifest and its words, and leaves the builder as it was', async () => {
  const before = readdirSync(builder.directory);
  const attempt = await run({ packages: ['tmux'], versionCode: 'r33051-f5dae5ece4' });
  const { result, outputDirectory } = attempt;
  if (result.outcome !== 'succeeded') throw new Error(`it ended as ${JSON.stringify(result)}`);
  const manifest = { 'base-files': '1663~f5dae5ece4', tmux: '1.0-r1' };
  const hash = sha256Hex('base-files - 1663~f5dae5ece4\ntmux - 1.0-r1\n').slice(0, 12);
  const image = `openwrt-25.12.5-${hash}-ath79-generic-8dev_carambola2-squashfs-sysupgrade.bin`;
  expect(result).toMatchObject({ manifest, buildPackages: ['tmux'] });
  expect(result.artifacts.map((artifact) => artifact.name)).toEqual([image, 'profiles.json', 'seen.txt']);
  expect(result.artifacts[0]).toEqual({ name: image, sha256: sha256Hex('image\n'), sizeBytes: 6 });
  expect(readFileSync(join(outputDirectory, image), 'utf8')).toBe('image\n');
  expect(JSON.parse(result.profilesJson)).toMatchObject({ version_number: '25.12.5' });
  expect(result.output).toEqual({
    stdout: 'Building images for ath79\n644\n644\n',
    stderr: '',
    buildCommand: [
      'make',
      'image',
      'PROFILE=8dev_carambola2',
      'PACKAGES=tmux',
      `EXTRA_IMAGE_NAME=${hash}`,
      'BIN_DIR=/out',
    ],
  });
  expect(stages).toEqual([
    'init',
    'container_setup',
    'validate_revision',
    'validate_manifest',
    'building_image',
  ]);
  expect(log).toContain('--- make manifest PROFILE=8dev_carambola2 PACKAGES=tmux STRIP_ABI=1\n');
  expect(log).toContain('some noise of a good build\n');
  expect(readFileSync(join(outputDirectory, 'seen.txt'), 'utf8')).toBe(
    '# feeds\nhttp://127.0.0.1:9/mirror/releases/25.12.5/packages/mips_24kc/base/packages.adb\n',
  );
  await attempt[Symbol.asyncDispose]();
  expect(existsSync(outputDirectory)).toBe(false);
  expect(readdirSync(builder.directory)).toEqual(before);
});

test('own feeds, keys and the first-boot script reach the build', async () => {
  const pem = '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0=\n-----END PUBLIC KEY-----';
  await using attempt = await run({
    repositories: { mine: 'https://me.example/feed' },
    repositoriesMode: 'replace',
    repositoryKeys: [pem],
    defaults: 'uci set secret=1\n',
  });
  const [image] = readdirSync(attempt.outputDirectory).filter((name) => name.endsWith('.bin'));
  expect(readFileSync(join(attempt.outputDirectory, image ?? ''), 'utf8')).toBe('image\nuci set secret=1\n');
  expect(readFileSync(join(attempt.outputDirectory, 'seen.txt'), 'utf8')).toBe(
    `# feeds\nhttps://me.example/feed\n${pem}\n`,
  );
  expect(log).not.toContain('secret');
});

test('opkg builders are served as well', async () => {
  const opkg = smallBuilder(join(data, 'opkg'), { flavour: 'opkg' });
  await using attempt = await run({ repositories: { mine: 'https://me.example/feed' } }, {}, opkg);
  expect(attempt.result.outcome).toBe('succeeded');
  expect(readFileSync(join(attempt.outputDirectory, 'seen.txt'), 'utf8')).toBe(
    'src/gz openwrt_base http://127.0.0.1:9/mirror/releases/25.12.5/packages/mips_24kc/base\noption check_signature\nsrc/gz mine https://me.example/feed\n',
  );
});

test.each<[string, Partial<BuildSpec>, object, number]>([
  [
    'another revision',
    { versionCode: 'r1-abc' },
    {
      outcome: 'failed',
      failure: 'version_code',
      reason: 'Received incorrect version r33051-f5dae5ece4 (requested r1-abc)',
    },
    3,
  ],
  [
    'a key of a feed that is none',
    { repositoryKeys: ['garbage'] },
    {
      outcome: 'failed',
      failure: 'repository',
      reason: 'Repository key 1 is neither a usign nor a PEM public key',
    },
    2,
  ],
  [
    'a feed whose URL would end a word',
    { repositories: { mine: 'https://me.example/feed;x' } },
    { outcome: 'failed', failure: 'repository' },
    2,
  ],
  ['an unknown profile', { profile: 'nope' }, { outcome: 'failed', failure: 'unknown_profile' }, 3],
  [
    'an unknown package',
    { packages: ['do-manifest-unknown'] },
    {
      outcome: 'failed',
      failure: 'package_selection',
      reason: 'Impossible package selection: missing (foo)',
    },
    4,
  ],
  [
    'a package without the version asked for',
    { packages: ['tmux'], packagesVersions: { tmux: '2' } },
    {
      outcome: 'failed',
      failure: 'package_version',
      reason: 'Impossible package selection: tmux version not as requested: 2 vs. 1.0-r1',
    },
    4,
  ],
  [
    'a feed that cannot be reached',
    { packages: ['do-manifest-unreachable'] },
    { outcome: 'broken', breakage: 'feed' },
    4,
  ],
  ['a full disk', { packages: ['do-image-full'] }, { outcome: 'broken', breakage: 'disk' }, 5],
  [
    'a build error',
    { packages: ['do-image-fail'] },
    { outcome: 'failed', failure: 'build_error', reason: 'Error while building firmware. See stdout/stderr' },
    5,
  ],
  ['a value make must not see', { packages: ['$(id)'] }, { outcome: 'broken', breakage: 'agent' }, 4],
])('%s ends the attempt at its stage', async (_case, changes, expected, reached) => {
  await using attempt = await run(changes);
  expect(attempt.result).toMatchObject(expected);
  expect(stages).toHaveLength(reached);
});

test('a failure keeps what the tools said, and the command when make image was reached', async () => {
  await using manifest = await run({ packages: ['do-manifest-unknown'] });
  expect(manifest.result).toMatchObject({ artifacts: [], output: { stdout: '', buildCommand: [] } });
  await using image = await run({ packages: ['do-image-fail'] });
  expect(image.result).toMatchObject({ output: { stdout: 'Building images for ath79\n' } });
  if (image.result.outcome !== 'failed') throw new Error('it did not fail');
  expect(image.result.output.stderr).toMatch(/^postinst script .\/x has failed\nmake: \*\*\* /);
  expect(image.result.output.buildCommand.slice(0, 2)).toEqual(['make', 'image']);
});

test('a build without any image is no success, whatever make says', async () => {
  const directory = join(data, 'no image');
  const used = smallBuilder(directory);
  writeFileSync(
    join(directory, 'Makefile'),
    'manifest:\n\t@echo "a - 1"\nimage:\n\t@echo "WARNING: Image file x is too big: 2 > 1" >&2\n',
  );
  await using attempt = await run({}, {}, used);
  expect(attempt.result).toMatchObject({
    outcome: 'failed',
    failure: 'too_big',
    reason: 'Selected packages exceed device storage',
  });
});

test('a make that takes too long is stopped, and nothing of it is left', async () => {
  await using attempt = await run({ packages: ['do-image-sleep'] }, { buildTimeoutMs: 1_500 });
  expect(attempt.result).toMatchObject({
    outcome: 'failed',
    failure: 'timeout',
    reason: 'make image took longer than 1.5 s',
  });
  expect(isMarkRunning()).toBe(false);
});

test('a cancelled attempt leaves no process and no file', async () => {
  const controller = new AbortController();
  const attempt = run(
    { packages: ['do-image-sleep'] },
    {
      signal: controller.signal,
      onLog: (text) => {
        if (text.includes('asleep')) controller.abort();
      },
    },
  );
  await expect(attempt).rejects.toSatisfy((thrown) => hasCode(thrown, 'cancelled'));
  expect(isMarkRunning()).toBe(false);
  expect(readdirSync(join(data, 'attempts'))).toEqual(['etc']);
});

test('an attempt that was cancelled before it began does nothing', async () => {
  await expect(run({}, { signal: AbortSignal.abort() })).rejects.toSatisfy((thrown) =>
    hasCode(thrown, 'cancelled'),
  );
  expect(stages).toEqual([]);
});

test('endless output costs bounded memory, a bounded log, and keeps its end', async () => {
  await using attempt = await run({ packages: ['do-image-much'] }, { maxLogBytes: 10_000 });
  if (attempt.result.outcome !== 'succeeded')
    throw new Error(`it ended as ${JSON.stringify(attempt.result)}`);
  const { stdout } = attempt.result.output;
  expect(Buffer.byteLength(stdout)).toBe(256 * 1024);
  expect(stdout).toMatch(/\n200000\n644\n644\n$/);
  expect(log).toMatch(/--- the log is longer than 10000 bytes; the rest is dropped\n$/);
  expect(log.length).toBeLessThan(10_200);
});

test('make runs with umask 022 whatever the agent has', async () => {
  const own = process.umask(0o077);
  try {
    await using attempt = await run({ packages: ['do-image-umask'], defaults: 'x\n' });
    expect(attempt.result).toMatchObject({
      outcome: 'succeeded',
      output: { stdout: 'Building images for ath79\n0022\n644\n644\n' },
    });
  } finally {
    process.umask(own);
  }
});

test('a character that arrives in pieces is whole in the log', async () => {
  await using attempt = await run({ packages: ['do-image-utf'] });
  expect(attempt.result.outcome).toBe('succeeded');
  expect(log).toContain('café\n');
});

test('a sandbox that does not start breaks the attempt, not the build', async () => {
  const gone = smallBuilder(join(data, 'gone'));
  const opened: Sandbox = {
    description: sandbox.description,
    openView: async (directory, options) => {
      const view = await sandbox.openView(directory, options);
      return {
        outDirectory: view.outDirectory,
        write: async () => undefined,
        run: async (argv, runOptions) => {
          rmSync(gone.directory, { recursive: true, force: true });
          return await view.run(argv, runOptions);
        },
        [Symbol.asyncDispose]: async () => await view[Symbol.asyncDispose](),
      };
    },
  };
  await using attempt = await runAttempt(
    { builder: gone, spec: smallSpec(), sandbox: opened, upstream: 'http://127.0.0.1:9' },
    {
      onStage: () => undefined,
      onLog: () => undefined,
      signal: new AbortController().signal,
      buildTimeoutMs: 5_000,
      maxLogBytes: 1000,
    },
  );
  expect(attempt.result).toMatchObject({ outcome: 'broken', breakage: 'sandbox' });
});

test('parallel attempts on one builder do not meet', async () => {
  const attempts = await Promise.all([
    run({ packages: ['one'] }),
    run({ packages: ['two'] }),
    run({ packages: ['one'] }),
  ]);
  const manifests = attempts.map(({ result }) =>
    result.outcome === 'succeeded' ? Object.keys(result.manifest) : result,
  );
  expect(manifests).toEqual([
    ['base-files', 'one'],
    ['base-files', 'two'],
    ['base-files', 'one'],
  ]);
  for (const attempt of attempts) await attempt[Symbol.asyncDispose]();
});

function isMarkRunning(): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(MARK);
    } catch {
      return false;
    }
  });
}
