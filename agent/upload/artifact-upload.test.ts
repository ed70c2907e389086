import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerReadableStream, type ServerUnaryCall } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ArtifactStatus } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import type { QueryArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/QueryArtifactRequest.ts';
import type { WriteArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { systemClock } from '../../shared/clock.ts';
import { sha256Hex } from '../../shared/digest.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { createLog } from '../../shared/log.ts';
import { ArtifactUpload } from './artifact-upload.ts';
import { CoordinatorPool } from './coordinator-pool.ts';
import type { ArtifactFile } from './write-artifact.ts';

const lease: Lease = {
  requestHash: 'a'.repeat(64),
  generation: '1'.repeat(32),
  attempt: 1,
  agentId: 'agent-1',
  token: 'f'.repeat(96),
};
const never = new AbortController().signal;

type WriteCall = ServerReadableStream<WriteArtifactRequest__Output, ArtifactStatus>;
type Answer = (error: { code: number; details: string } | null, status?: ArtifactStatus) => void;

/** A coordinator that does with writes what a test says. Its windows are http2's 64 KB. */
class StandIn implements AsyncDisposable {
  readonly #server = new Server();
  address = '';
  /** Calls that have begun, in order. */
  readonly writes: WriteCall[] = [];
  onWrite: (call: WriteCall, answer: Answer) => void = takeAll;

  async start(): Promise<this> {
    this.#server.addService(loadAttemptProtocol().wrtfarm.v1.Attempts.service, {
      Run: () => undefined,
      QueryArtifact: (_call: ServerUnaryCall<QueryArtifactRequest__Output, ArtifactStatus>, answer: Answer) =>
        answer(null, { heldBytes: 0, complete: false }),
      WriteArtifact: (call: WriteCall, answer: Answer) => {
        this.writes.push(call);
        this.onWrite(call, answer);
      },
    });
    const port = await new Promise((resolve, reject) =>
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}

function takeAll(call: WriteCall, answer: Answer): void {
  call.on('data', () => undefined);
  call.on('end', () => answer(null, { complete: true }));
}

let folder: string;
let first: StandIn;
let second: StandIn;
let pool: CoordinatorPool;
let upload: ArtifactUpload;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wrtfarm-upload-'));
  first = await new StandIn().start();
  second = await new StandIn().start();
  pool = new CoordinatorPool({ fixed: [first.address, second.address] });
  upload = new ArtifactUpload({
    pool,
    clock: systemClock,
    log: createLog('agent', 'silent'),
  });
});

afterEach(async () => {
  await pool[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function files(count: number, sizeBytes = 10): Promise<readonly ArtifactFile[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_each, at) => {
      const bytes = Buffer.alloc(sizeBytes, at);
      const path = join(folder, `file-${at}`);
      await writeFile(path, bytes);
      return { path, artifact: { name: `file-${at}`, sha256: sha256Hex(bytes), sizeBytes } };
    }),
  );
}

test('files of all attempts go up four at a time, and the others after them', async () => {
  const ends: (() => void)[] = [];
  let open = 0;
  let most = 0;
  const fourAreOpen = new Promise<void>((resolve) => {
    first.onWrite = (call, answer) => {
      open += 1;
      most = Math.max(most, open);
      call.on('data', () => undefined);
      ends.push(() => {
        open -= 1;
        answer(null, { complete: true });
      });
      if (ends.length === 4) resolve();
      if (ends.length > 4) ends.at(-1)?.();
    };
  });
  const both = Promise.all([
    upload.upload(lease, await files(6), never),
    upload.upload({ ...lease, attempt: 2 }, await files(6), never),
  ]);
  await fourAreOpen;
  for (const end of ends.splice(0)) end();
  first.onWrite = (call, answer) => {
    open += 1;
    most = Math.max(most, open);
    takeAll(call, (error, status) => {
      open -= 1;
      answer(error, status);
    });
  };
  await both;
  expect(first.writes).toHaveLength(12);
  expect(most).toBe(4);
});

test('a coordinator that takes nothing is left for another one', async () => {
  first.onWrite = () => undefined;
  upload = new ArtifactUpload({
    pool,
    clock: systemClock,
    log: createLog('agent', 'silent'),
    stalledMs: 300,
  });
  await upload.upload(lease, await files(1, 1_000_000), never);
  expect([first.writes.length, second.writes.length]).toEqual([1, 1]);
});

test('a file that does not fit into the limits is refused for good, and the others are not sent on', async () => {
  first.onWrite = (call, answer) => {
    call.once('data', ({ header }: WriteArtifactRequest__Output) => {
      if (header?.artifact?.name === 'file-0') answer({ code: 8, details: 'one file too many' });
    });
  };
  await expect(upload.upload(lease, await files(3, 1_000_000), never)).rejects.toMatchObject({
    code: 'resource_exhausted',
    message: expect.stringContaining('one file too many'),
  });
  expect(second.writes).toHaveLength(0);
});

test('a lease that is gone ends all files at once', async () => {
  first.onWrite = (_call, answer) => answer({ code: 10, details: 'the lease is gone' });
  await expect(upload.upload(lease, await files(12), never)).rejects.toMatchObject({ code: 'lease_lost' });
  expect(first.writes.length).toBeLessThanOrEqual(4);
});

test('an upload that is stopped ends its calls', async () => {
  const stop = new AbortController();
  const ended = new Promise<void>((resolve) => {
    first.onWrite = (call) => {
      call.on('cancelled', () => resolve());
      stop.abort(new Error('the farm took it away'));
    };
  });
  await expect(upload.upload(lease, await files(1, 1_000_000), stop.signal)).rejects.toThrow(
    'the farm took it away',
  );
  await ended;
});

test('a file that cannot be read here is tried nowhere else', async () => {
  const [file] = await files(1);
  if (!file) throw new Error('there is no file');
  first.onWrite = () => undefined;
  const missing = { ...file, path: join(folder, 'missing') };
  await expect(upload.upload(lease, [missing], never)).rejects.toMatchObject({
    code: 'infrastructure',
    message: expect.stringContaining('file-0 cannot be read: ENOENT'),
  });
  expect(second.writes).toHaveLength(0);
});
