import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ArtifactUpload } from '../../agent/upload/artifact-upload.ts';
import { CoordinatorPool } from '../../agent/upload/coordinator-pool.ts';
import type { ArtifactFile } from '../../agent/upload/write-artifact.ts';
import { systemClock } from '../../shared/clock.ts';
import { sha256Hex } from '../../shared/digest.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { createLog } from '../../shared/log.ts';
import { eventually } from '../support/eventually.ts';
import { lendLease } from '../support/lend-lease.ts';
import { type SlowProxy, startSlowProxy } from '../support/slow-proxy.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

const FARM_KEY = '5'.repeat(64);
const MIB = 1024 * 1024;
const SIZE_BYTES = 32 * MIB;
/** What may be on its way when a line breaks: http2's window, the pieces the coordinator has not written, and headers. */
const UNDER_WAY_BYTES = 11 * MIB;

let farm: TestFarm;
let lines: readonly SlowProxy[];
let pool: CoordinatorPool;
let upload: ArtifactUpload;
let lease: Lease;
let file: ArtifactFile;
let image: Buffer;

beforeEach(async () => {
  farm = await startFarm({ agents: 0, coordinators: 2, coordinator: { farmKey: FARM_KEY } });
  // Narrow enough that an upload can be met half-way.
  lines = await Promise.all(
    farm.coordinators.map(({ grpcAddress }) =>
      startSlowProxy({ target: grpcAddress, delayMs: 5, bytesPerSecond: 20_000_000 }),
    ),
  );
  pool = new CoordinatorPool({ fixed: lines.map(({ address }) => address) });
  upload = new ArtifactUpload({ pool, clock: systemClock, log: createLog('agent', 'silent') });
  lease = await lendLease(farm.redis.url, FARM_KEY);
  image = randomBytes(SIZE_BYTES);
  await mkdir(farm.artifacts, { recursive: true });
  file = {
    artifact: { name: 'image.bin', sha256: sha256Hex(image), sizeBytes: image.length },
    path: join(farm.artifacts, 'image.bin'),
  };
  await writeFile(file.path, image);
});

afterEach(async () => {
  await pool[Symbol.asyncDispose]();
  for (const line of lines) await line[Symbol.asyncDispose]();
  await farm[Symbol.asyncDispose]();
});

const passedBytes = (): number => lines.reduce((sum, line) => sum + line.passedBytes('there'), 0);

async function expectWhole(): Promise<void> {
  const folder = join(farm.artifacts, 'staging', attemptKey(lease));
  expect((await readFile(join(folder, file.artifact.sha256))).equals(image)).toBe(true);
  await eventually(async () => (await readdir(folder)).length === 1);
}

test('an upload whose line is cut goes on at another coordinator where it was', async () => {
  const uploading = upload.upload(lease, [file], new AbortController().signal);
  await eventually(() => passedBytes() > SIZE_BYTES / 2);
  lines[0]?.cut();
  await uploading;
  expect(lines[1]?.passedBytes('there')).toBeGreaterThan(0);
  expect(passedBytes()).toBeLessThan(SIZE_BYTES + UNDER_WAY_BYTES);
  await expectWhole();
});

test('an upload whose line goes silent goes on at another coordinator where it was', async () => {
  const uploading = upload.upload(lease, [file], new AbortController().signal);
  await eventually(() => passedBytes() > SIZE_BYTES / 2);
  lines[0]?.freeze();
  await uploading;
  expect(passedBytes()).toBeLessThan(SIZE_BYTES + UNDER_WAY_BYTES);
  await expectWhole();
});

test('an upload goes on where it was when all lines were cut and are there again', async () => {
  const uploading = upload.upload(lease, [file], new AbortController().signal);
  await eventually(() => passedBytes() > SIZE_BYTES / 2);
  for (const line of lines) line.cut();
  for (const line of lines) line.heal();
  await uploading;
  expect(passedBytes()).toBeLessThan(SIZE_BYTES + UNDER_WAY_BYTES);
  await expectWhole();
});
