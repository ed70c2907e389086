import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ImageBuilderFixture, startImageBuilderFixture } from './imagebuilder-fixture.ts';
import { KNOBS } from './knob-packages.ts';
import type { UnpackedImageBuilder } from './unpacked-imagebuilder.ts';

const VERSION = '25.12.0';
const TARGET = 'ath79/generic';
let fixture: ImageBuilderFixture;
let builder: UnpackedImageBuilder;

beforeAll(async () => {
  fixture = await startImageBuilderFixture(VERSION, TARGET);
  builder = await fixture.unpack(VERSION, TARGET);
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** sha256 of the image built last. */
async function imageDigest(): Promise<unknown> {
  return JSON.parse(await builder.read('out/profiles.json')).profiles['8dev_carambola2'].images[0].sha256;
}

test('all knobs can be asked for like any package', async () => {
  const index = await fetch(
    `${fixture.upstream.url}/releases/25.12.0/packages/mips_24kc/packages/index.json`,
  );
  const { packages } = (await index.json()) as { packages: Record<string, string> };
  expect(Object.keys(packages)).toEqual(expect.arrayContaining(KNOBS.map((knob) => knob.package)));
});

test('a flash image that is too big leaves no image, no profiles.json, and exit code 0', async () => {
  const { exitCode, stdout, stderr } = await builder.image('PACKAGES=knob-too-big');
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(
    /^ {4}WARNING: Image file \/\S+\/tmp\/\S+-sysupgrade\.bin is too big: \d+ > 16384000$/m,
  );
  expect(stdout).toContain('JSON info file script could not find any JSON files for target\n');
  const name = `openwrt-25.12.0-ath79-generic-8dev_carambola2`;
  expect(await builder.outputs()).toEqual([`${name}.bom.cdx.json`, `${name}.manifest`, 'sha256sums']);
});

test('a failing post-install script fails the image but not the manifest', async () => {
  expect((await builder.make('manifest', 'PACKAGES=knob-fail-postinst')).exitCode).toBe(0);
  const { exitCode, stderr } = await builder.image('PACKAGES=knob-fail-postinst');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /^postinst script \.\/lib\/apk\/db\/knob-fail-postinst\S+\.post-install has failed with exit code 7$/m,
  );
});

test('a plain failure, a slow build, and one that differs each time', async () => {
  const failed = await builder.image('PACKAGES=knob-fail');
  expect([failed.exitCode, failed.stderr.includes('knob-fail: ')]).toEqual([2, true]);
  expect(failed.stderr).toMatch(/build_image\] Error 1$/m);

  const slow = await builder.image('PACKAGES=knob-slow-1 knob-random');
  expect(slow.stdout).toContain('knob-slow-1: second 1 of 1\n');
  const digests = [await imageDigest()];
  await builder.image('PACKAGES=knob-slow-1 knob-random');
  digests.push(await imageDigest());
  expect(new Set(digests).size).toBe(2);
});

test('an orphan outlives its build, in a session of its own', async () => {
  const { exitCode } = await builder.image('PACKAGES=knob-orphan');
  expect(exitCode).toBe(0);
  const pid = Number(await builder.read('tmp/knob-orphan.pid'));
  expect(pid).toBeGreaterThan(1);
  expect(process.kill(pid, 'SIGKILL')).toBe(true);
});
