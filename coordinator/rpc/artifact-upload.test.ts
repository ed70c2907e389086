import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { WriteArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { systemClock } from '../../shared/clock.ts';
import { leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';
import { FarmError } from '../../shared/errors.ts';
import { ArtifactUpload } from './artifact-upload.ts';

test('a store that takes nothing is told of once, each failure is counted, and its recovery is told', async () => {
  let isFull = true;
  let failures = 0;
  const told: string[] = [];
  const farmKey = randomBytes(32);
  const id = { requestHash: 'a'.repeat(64), generation: 'b'.repeat(32), attempt: 1 };
  const lease = { ...id, agentId: 'attic', token: leaseToken(farmKey, id, 'attic', newLeaseNonce()) };
  const artifact = { name: 'image.bin', sha256: 'c'.repeat(64), sizeBytes: 1 };
  const upload = new ArtifactUpload({
    attempts: { requireCurrent: async () => undefined },
    staged: {
      held: async () => ({ heldBytes: 0, isComplete: false }),
      write: async () => {
        if (isFull) throw new FarmError('infrastructure', 'no space left on device');
        return { heldBytes: 1, isComplete: true };
      },
      drop: async () => undefined,
      stagedBefore: async () => [],
    },
    farmKey,
    clock: systemClock,
    log: {
      warn: ({ reason }: { readonly reason?: unknown }) => told.push(`warn: ${reason}`),
      info: (_facts: object, text: string) => told.push(`info: ${text}`),
    },
    onFailure: () => {
      failures += 1;
    },
  });
  const write = async (): Promise<unknown> =>
    await upload.write(
      'connection',
      (async function* () {
        yield { header: { lease, artifact, offset: 0 } } as unknown as WriteArtifactRequest__Output;
      })(),
    );
  for (let times = 0; times < 3; times += 1) {
    await expect(write()).rejects.toMatchObject({ code: 'infrastructure' });
  }
  isFull = false;
  await write();
  await write();
  expect(failures).toBe(3);
  expect(told).toEqual(['warn: no space left on device', 'info: the artifact store takes files again']);
});
