import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClientWritableStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ArtifactStatus__Output } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import type { WriteArtifactRequest } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { sha256Hex } from '../../shared/digest.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { eventually } from '../support/eventually.ts';
import { endLease, lendLease } from '../support/lend-lease.ts';
import { startSlowProxy } from '../support/slow-proxy.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

const FARM_KEY = '5'.repeat(64);
const MIB = 1024 * 1024;

let farm: TestFarm;
let client: AttemptsClient;
let lease: Lease;

beforeAll(async () => {
  farm = await startFarm({ agents: 0, coordinator: { farmKey: FARM_KEY } });
  const { Attempts } = loadAttemptProtocol().wrtfarm.v1;
  client = new Attempts(farm.coordinators[0]?.grpcAddress ?? '', credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  await farm[Symbol.asyncDispose]();
});

beforeEach(async () => {
  // Another agent each time: what one may have under way does not depend on the tests before.
  lease = await lendLease(farm.redis.url, FARM_KEY, `agent-${randomBytes(4).toString('hex')}`);
});

interface Upload {
  readonly call: ClientWritableStream<WriteArtifactRequest>;
  readonly answer: Promise<ArtifactStatus__Output>;
}

/** Begins a write with these messages and leaves it open. */
function begin(...messages: readonly WriteArtifactRequest[]): Upload {
  let call: Upload['call'] | undefined;
  const answer = new Promise<ArtifactStatus__Output>((resolve, reject) => {
    call = client.WriteArtifact((error, answered) => (answered ? resolve(answered) : reject(error)));
  });
  answer.catch(() => undefined);
  if (!call) throw new Error('the call did not begin');
  for (const message of messages) call.write(message);
  return { call, answer };
}

function fileOf(bytes: Buffer, name = 'image.bin'): Artifact {
  return { name, sha256: sha256Hex(bytes), sizeBytes: bytes.length };
}

function header(artifact: Artifact, offset = 0): WriteArtifactRequest {
  return { header: { lease, artifact, offset } };
}

function folder(): string {
  return join(farm.artifacts, 'staging', attemptKey(lease));
}

async function held(artifact: Artifact): Promise<ArtifactStatus__Output> {
  return await new Promise((resolve, reject) =>
    client.QueryArtifact({ lease, artifact }, (error, answered) =>
      answered ? resolve(answered) : reject(error),
    ),
  );
}

async function refusal({ answer }: Upload): Promise<ServiceError> {
  return await answer.then(
    () => {
      throw new Error('it was not refused');
    },
    (thrown: ServiceError) => thrown,
  );
}

test('what came before a break is held, and the rest goes up from there', async () => {
  const image = randomBytes(2 * MIB);
  const artifact = fileOf(image);
  const broken = begin(header(artifact), { data: image.subarray(0, MIB) });
  await eventually(async () => (await held(artifact)).heldBytes === MIB);
  broken.call.cancel();
  await refusal(broken);
  const rest = begin(header(artifact, MIB), { data: image.subarray(MIB) });
  rest.call.end();
  expect(await rest.answer).toEqual({ heldBytes: 2 * MIB, complete: true });
  expect((await readFile(join(folder(), artifact.sha256))).equals(image)).toBe(true);
  await eventually(async () => (await readdir(folder())).length === 1);
});

test.each<[what: string, code: number, messages: () => readonly WriteArtifactRequest[]]>([
  ['data before its header', status.INVALID_ARGUMENT, () => [{ data: Buffer.alloc(1) }]],
  [
    'a second header',
    status.INVALID_ARGUMENT,
    () => [header(fileOf(Buffer.alloc(2))), header(fileOf(Buffer.alloc(2)))],
  ],
  [
    'a piece of nothing',
    status.INVALID_ARGUMENT,
    () => [header(fileOf(Buffer.alloc(2))), { data: Buffer.alloc(0) }],
  ],
  [
    'a piece of more than 1 MiB',
    status.INVALID_ARGUMENT,
    () => [header(fileOf(Buffer.alloc(3 * MIB))), { data: Buffer.alloc(MIB + 1) }],
  ],
  [
    'a file of more than 2 GiB',
    status.INVALID_ARGUMENT,
    () => [header({ ...fileOf(Buffer.alloc(1)), sizeBytes: 2048 * MIB + 1 })],
  ],
  [
    'a name that leads elsewhere',
    status.INVALID_ARGUMENT,
    () => [header({ ...fileOf(Buffer.alloc(1)), name: '../image.bin' })],
  ],
  [
    'an offset at which nothing is held',
    status.FAILED_PRECONDITION,
    () => [header(fileOf(Buffer.alloc(2)), 1)],
  ],
])('%s is refused, and nothing of it is kept', async (_what, code, messages) => {
  expect((await refusal(begin(...messages()))).code).toBe(code);
  expect(await readdir(folder()).catch(() => [])).toEqual([]);
});

test('an attempt with 4 GiB is told that its resources are exhausted before it sends more', async () => {
  await mkdir(folder(), { recursive: true });
  await using large = await open(join(folder(), sha256Hex('large')), 'w');
  await large.truncate(4096 * MIB - 9);
  const fits = fileOf(Buffer.alloc(9));
  const upload = begin(header(fits), { data: Buffer.alloc(9) });
  upload.call.end();
  expect((await upload.answer).complete).toBe(true);
  expect(await refusal(begin(header(fileOf(Buffer.alloc(10)))))).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: expect.stringContaining('may have 4294967296'),
  });
});

test('an attempt with 200 files is told that its resources are exhausted', async () => {
  await mkdir(folder(), { recursive: true });
  for (let at = 0; at < 200; at += 1) await (await open(join(folder(), sha256Hex(String(at))), 'w')).close();
  expect((await refusal(begin(header(fileOf(Buffer.alloc(1)))))).code).toBe(status.RESOURCE_EXHAUSTED);
});

test('a write whose lease ends is refused in the middle, its attempt staging nothing more', async () => {
  const image = randomBytes(17 * MIB);
  const upload = begin(header(fileOf(image)), { data: image.subarray(0, MIB) });
  await eventually(async () => (await held(fileOf(image))).heldBytes === MIB);
  await endLease(farm.redis.url, lease);
  for (let at = MIB; at < image.length; at += MIB) upload.call.write({ data: image.subarray(at, at + MIB) });
  expect((await refusal(upload)).code).toBe(status.ABORTED);
});

test('an agent with eight writes under way begins no more, and goes on when one of them ends', async () => {
  const imageOf = (at: number): Buffer => Buffer.alloc(2, at);
  const artifacts = Array.from({ length: 10 }, (_each, at) => fileOf(imageOf(at), `image-${at}`));
  const uploads = artifacts
    .slice(0, 8)
    .map((artifact, at) => begin(header(artifact), { data: imageOf(at).subarray(0, 1) }));
  await eventually(async () => (await readdir(folder())).length === 8);
  expect((await refusal(begin(header(artifacts[8] ?? fileOf(Buffer.alloc(0)))))).code).toBe(
    status.UNAVAILABLE,
  );
  for (const [at, { call }] of uploads.entries()) {
    call.write({ data: imageOf(at).subarray(1) });
    call.end();
  }
  const ends = await Promise.all(uploads.map(({ answer }) => answer));
  expect(ends.every(({ complete }) => complete)).toBe(true);
  const late = begin(header(artifacts[9] ?? fileOf(Buffer.alloc(0))), { data: imageOf(9) });
  late.call.end();
  expect((await late.answer).complete).toBe(true);
});

test('writes that broke with their connection hold no place', async () => {
  const { Attempts } = loadAttemptProtocol().wrtfarm.v1;
  await using line = await startSlowProxy({ target: farm.coordinators[0]?.grpcAddress ?? '' });
  const broken = new Attempts(line.address, credentials.createInsecure());
  const image = Buffer.alloc(2);
  for (let at = 0; at < 8; at += 1) {
    const call = broken.WriteArtifact(() => undefined);
    call.write(header(fileOf(image, `image-${at}`)));
    call.write({ data: image.subarray(1) });
  }
  const other = fileOf(Buffer.from('the other'));
  await eventually(async () => (await readdir(folder())).length === 8);
  expect((await refusal(begin(header(other)))).code).toBe(status.UNAVAILABLE);
  line.cut();
  broken.close();
  await eventually(async () => {
    const late = begin(header(other), { data: Buffer.from('the other') });
    late.call.end();
    return (await late.answer).complete;
  });
});
