import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { HeldArtifact, StagedArtifacts } from './artifact-store.ts';

/**
 * Uploads of attempts, a folder each: `<sha256>.part` while bytes are missing, `<sha256>` once they are all there, synced to
 * disk and verified. Two writers of the same artifact at once: the second is refused by its offset.
 */
export class StagingFolder implements StagedArtifacts {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  completePath(attemptKey: string, sha256: string): string {
    return join(this.#root, attemptKey, sha256);
  }

  async held(attemptKey: string, artifact: Artifact): Promise<HeldArtifact> {
    const complete = await sizeOf(this.completePath(attemptKey, artifact.sha256));
    if (complete !== undefined) return { heldBytes: complete, isComplete: true };
    return { heldBytes: (await sizeOf(this.#partPath(attemptKey, artifact))) ?? 0, isComplete: false };
  }

  async write(
    attemptKey: string,
    artifact: Artifact,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<HeldArtifact> {
    const held = await this.held(attemptKey, artifact);
    if (held.isComplete) return held;
    if (offset !== held.heldBytes) {
      throw new FarmError(
        'failed_precondition',
        `${artifact.name}: ${held.heldBytes} bytes are held, the write begins at ${offset}`,
        { details: { heldBytes: held.heldBytes } },
      );
    }
    const part = this.#partPath(attemptKey, artifact);
    try {
      await mkdir(join(this.#root, attemptKey), { recursive: true });
      const hash = createHash('sha256');
      if (offset > 0) await hashInto(hash, part);
      const sizeBytes = await this.#append(part, artifact, offset, bytes, hash);
      if (sizeBytes < artifact.sizeBytes) return { heldBytes: sizeBytes, isComplete: false };
      const sha256 = hash.digest('hex');
      if (sha256 !== artifact.sha256) {
        await rm(part, { force: true });
        throw new FarmError(
          'failed_precondition',
          `${artifact.name} has sha256 ${sha256}, not ${artifact.sha256}`,
        );
      }
      await rename(part, this.completePath(attemptKey, artifact.sha256));
      return { heldBytes: sizeBytes, isComplete: true };
    } catch (cause) {
      if (cause instanceof FarmError) throw cause;
      throw new FarmError('infrastructure', `${artifact.name} cannot be stored: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  async drop(attemptKey: string): Promise<void> {
    await rm(join(this.#root, attemptKey), { recursive: true, force: true });
  }

  async #append(
    part: string,
    artifact: Artifact,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
    hash: Hash,
  ): Promise<number> {
    const file = await open(part, offset === 0 ? 'w' : 'r+');
    let position = offset;
    try {
      for await (const chunk of bytes) {
        if (position + chunk.length > artifact.sizeBytes) {
          throw new FarmError(
            'failed_precondition',
            `${artifact.name} is longer than its ${artifact.sizeBytes} bytes`,
          );
        }
        await file.write(chunk, 0, chunk.length, position);
        hash.update(chunk);
        position += chunk.length;
      }
      if (position === artifact.sizeBytes) await file.sync();
    } finally {
      await file.close();
    }
    return position;
  }

  #partPath(attemptKey: string, artifact: Artifact): string {
    return `${this.completePath(attemptKey, artifact.sha256)}.part`;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
}

async function hashInto(hash: Hash, path: string): Promise<void> {
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
}
