import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WriteArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { systemClock } from '../../shared/clock.ts';
import { sha256Hex } from '../../shared/digest.ts';
import { leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';
import { FarmError } from '../../shared/errors.ts';
import type { StagedArtifacts } from '../artifacts/artifact-store.ts';
import { DirectoryStore } from '../artifacts/directory-store.ts';
import { ArtifactUpload } from './artifact-upload.ts';

const MINUTE_MS = 60_000;
const FARM_KEY = randomBytes(32);
const ID = { requestHash: 'a'.repeat(64), generation: 'b'.repeat(32), attempt: 1 };
const LEASE = { ...ID, agentId: 'attic', token: leaseToken(FARM_KEY, ID, 'attic', newLeaseNonce()) };

let root: string;
let failure: FarmError | undefined;
let failures: number;
let steadyMs: number;
let told: string[];
let upload: ArtifactUpload;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wrtfarm-upload-'));
  [failure, failures, steadyMs, told] = [undefined, 0, 0, []];
  const store = new DirectoryStore(root);
  const write: StagedArtifacts['write'] = async (...given) => {
    if (failure) throw failure;
    return await store.write(...given);
  };
  upload = new ArtifactUpload({
    attempts: { requireCurrent: async () => undefined },
    staged: { write, held: async (...given) => await store.held(...given) },
    farmKey: FARM_KEY,
    clock: { ...systemClock, steadyMs: () => steadyMs },
    log: {
      warn: ({ reason }: { readonly reason?: unknown }) => told.push(`warn: ${reason}`),
      info: (_facts: object, text: string) => told.push(`info: ${text}`),
    },
    onFailure: () => {
      failures += 1;
    },
  });
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

/** Brings a file like no other. */
async function write(breaksOff = false): Promise<void> {
  const data = randomBytes(2);
  const artifact = { name: 'image.bin', sha256: sha256Hex(data), sizeBytes: data.length };
  const messages = async function* () {
    yield { header: { lease: LEASE, artifact, offset: 0 } };
    yield { data: data.subarray(0, 1) };
    if (breaksOff) throw new Error('the connection is gone');
    yield { data: data.subarray(1) };
  };
  await upload.write('connection', messages() as AsyncIterable<WriteArtifactRequest__Output>);
}

test.each([
  new FarmError('infrastructure', 'no space left on device'),
  new FarmError('unavailable', 'no space left on device', { details: { service: 'artifact store' } }),
])(
  'a store that fails ($code) is told of once, each time is counted, and its recovery told after a minute',
  async (why) => {
    failure = why;
    for (let times = 0; times < 3; times += 1) await expect(write()).rejects.toBe(why);
    failure = undefined;
    steadyMs = MINUTE_MS;
    await write();
    expect(told).toHaveLength(1);
    steadyMs = MINUTE_MS + 1;
    await write();
    await write();
    expect(failures).toBe(3);
    expect(told).toEqual(['warn: no space left on device', 'info: the artifact store takes files again']);
  },
);

test('an agent that goes away in the middle of a file is no failure of the store', async () => {
  await expect(write(true)).rejects.toMatchObject({ code: 'unavailable' });
  expect([failures, told]).toEqual([0, []]);
});
