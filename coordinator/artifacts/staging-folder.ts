import { createHash, type Hash, randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, open, readdir, rename, rm, rmdir, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { writeAll } from '../../shared/write-all.ts';
import type { HeldArtifact, StagedArtifacts } from './artifact-store.ts';
import { orMissing } from './or-missing.ts';
import { requireRoom, STAGING_LIMITS, type StagedFile, type StagingLimits } from './staging-limits.ts';
import { makeFolder, syncFolder } from './sync-folder.ts';

/** A write looks again whether its attempt stays within its limits after this many bytes. */
const RECHECK_BYTES = 16 * 1024 * 1024;

/**
 * Uploads of attempts, a folder each: `<sha256>.<random>.part` while bytes are missing, `<sha256>` once they are all there,
 * synced to disk and verified. Every write has a file of its own, a resumed one a copy of what was held, and closes it before
 * it is renamed: so nothing that was verified can be changed by a write that still runs.
 */
export class StagingFolder implements Omit<StagedArtifacts, 'stagedBefore'> {
  readonly #root: string;
  readonly #limits: StagingLimits;

  constructor(root: string, limits = STAGING_LIMITS) {
    this.#root = root;
    this.#limits = limits;
  }

  completePath(attemptKey: string, sha256: string): string {
    return join(this.#root, attemptKey, sha256);
  }

  async held(attemptKey: string, artifact: Artifact): Promise<HeldArtifact> {
    const complete = await sizeOf(this.completePath(attemptKey, artifact.sha256));
    if (complete === artifact.sizeBytes) return { heldBytes: complete, isComplete: true };
    const part = await this.#longestPart(attemptKey, artifact);
    return { heldBytes: part?.sizeBytes ?? 0, isComplete: false };
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
    try {
      return await this.#write(attemptKey, artifact, offset, bytes);
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

  /** Forgets one artifact that is complete; the folder goes with its last one. */
  async dropComplete(attemptKey: string, { sha256 }: Pick<Artifact, 'sha256'>): Promise<void> {
    await rm(this.completePath(attemptKey, sha256), { force: true });
    await rmdir(join(this.#root, attemptKey)).catch(() => undefined);
  }

  /** When folders of attempts were last changed, epoch milliseconds on the clock of their file system's host. */
  async changes(): Promise<ReadonlyMap<string, number>> {
    const changes = new Map<string, number>();
    for (const key of await readdir(this.#root).catch(() => [])) {
      const found = await stat(join(this.#root, key)).catch(() => undefined);
      if (found) changes.set(key, found.mtimeMs);
    }
    return changes;
  }

  async #write(
    attemptKey: string,
    artifact: Artifact,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<HeldArtifact> {
    await makeFolder(join(this.#root, attemptKey));
    const complete = this.completePath(attemptKey, artifact.sha256);
    const part = `${complete}.${randomBytes(8).toString('hex')}.part`;
    const hash = createHash('sha256');
    let heldBytes = 0;
    try {
      if (offset > 0) await this.#takeOver(attemptKey, artifact, offset, part, hash);
      heldBytes = await this.#append({ attemptKey, artifact, part, hash }, offset, bytes);
    } finally {
      if (heldBytes < artifact.sizeBytes) await this.#keepLongest(attemptKey, artifact, part);
    }
    if (heldBytes < artifact.sizeBytes) return { heldBytes, isComplete: false };
    const sha256 = hash.digest('hex');
    if (sha256 !== artifact.sha256) {
      await this.#dropParts(attemptKey, artifact);
      throw new FarmError(
        'failed_precondition',
        `${artifact.name} has sha256 ${sha256}, not ${artifact.sha256}`,
      );
    }
    await rename(part, complete).catch(async (cause: unknown) => {
      // Another write was done first and took ours away with the other parts.
      if ((await sizeOf(complete)) !== artifact.sizeBytes) throw cause;
    });
    await syncFolder(dirname(complete));
    await this.#dropParts(attemptKey, artifact);
    return { heldBytes, isComplete: true };
  }

  /** Begins a write's own file with the bytes that an earlier one brought, whose file goes: it may still be open, and is no loss. */
  async #takeOver(
    attemptKey: string,
    artifact: Artifact,
    offset: number,
    path: string,
    hash: Hash,
  ): Promise<void> {
    const held = await this.#longestPart(attemptKey, artifact);
    if (!held)
      throw new FarmError('failed_precondition', `${artifact.name}: what was held is gone; begin again`);
    await copyFile(held.path, path, constants.COPYFILE_FICLONE);
    await truncate(path, offset);
    await rm(held.path, { force: true });
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  }

  /** The file is there before the limits are looked at: of writes that begin together each sees the others. */
  async #append(write: Write, offset: number, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const { artifact, part, hash } = write;
    const file = await open(part, offset === 0 ? 'wx' : 'r+');
    let position = offset;
    try {
      let checkedAt = position;
      await this.#requireRoom(write);
      for await (const chunk of bytes) {
        if (position + chunk.length > artifact.sizeBytes) {
          throw new FarmError(
            'failed_precondition',
            `${artifact.name} is longer than its ${artifact.sizeBytes} bytes`,
          );
        }
        if (position - checkedAt >= RECHECK_BYTES) {
          checkedAt = position;
          await this.#requireRoom(write);
        }
        // The disk works in another thread meanwhile.
        const written = writeAll(file, chunk, position);
        hash.update(chunk);
        await written;
        position += chunk.length;
      }
      if (position === artifact.sizeBytes) await file.sync();
    } finally {
      await file.close();
    }
    return position;
  }

  async #requireRoom({ attemptKey, artifact, part }: Write): Promise<void> {
    const folder = join(this.#root, attemptKey);
    const others = (await readdir(folder)).filter((name) => join(folder, name) !== part);
    const files = await Promise.all(
      others.map(
        async (name): Promise<StagedFile> => ({
          sha256: name.slice(0, 64),
          sizeBytes: (await sizeOf(join(folder, name))) ?? 0,
        }),
      ),
    );
    requireRoom(artifact, files, this.#limits);
  }

  /** A write that ended too early leaves its file only where no other one is as long. */
  async #keepLongest(attemptKey: string, artifact: Artifact, part: string): Promise<void> {
    const longest = await this.#longestPart(attemptKey, artifact);
    if (longest?.path !== part || longest.sizeBytes === 0) await rm(part, { force: true });
  }

  async #longestPart(
    attemptKey: string,
    artifact: Artifact,
  ): Promise<{ readonly path: string; readonly sizeBytes: number } | undefined> {
    const parts = await Promise.all(
      (await this.#parts(attemptKey, artifact)).map(async (path) => ({
        path,
        sizeBytes: (await sizeOf(path)) ?? 0,
      })),
    );
    return parts
      .filter((part) => part.sizeBytes <= artifact.sizeBytes)
      .sort((left, right) => right.sizeBytes - left.sizeBytes)[0];
  }

  async #dropParts(attemptKey: string, artifact: Artifact): Promise<void> {
    for (const path of await this.#parts(attemptKey, artifact)) await rm(path, { force: true });
  }

  async #parts(attemptKey: string, artifact: Artifact): Promise<readonly string[]> {
    const folder = join(this.#root, attemptKey);
    const names = (await orMissing(readdir(folder))) ?? [];
    return names
      .filter((name) => name.startsWith(`${artifact.sha256}.`) && name.endsWith('.part'))
      .map((name) => join(folder, name));
  }
}

/** A write of one artifact into a file of its own. */
interface Write {
  readonly attemptKey: string;
  readonly artifact: Artifact;
  readonly part: string;
  readonly hash: Hash;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await orMissing(stat(path)))?.size;
}
