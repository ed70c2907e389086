import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { binDir } from '../../shared/domain/build.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { type BuildJson, BuildJsonSchema } from '../builds/sealed-build.ts';
import type { ArtifactStore, HeldArtifact, StoredFile } from './artifact-store.ts';
import { StagingFolder } from './staging-folder.ts';

/*
 * staging/<attempt key>/…            what attempts upload, see StagingFolder
 * blobs/<2 hex>/<sha256>             bytes of finished builds
 * builds/<2 hex>/<bin_dir>/build.json
 * requests/<2 hex>/<request hash>/<bin_dir>   empty: which builds a request hash has
 */

/** An artifact store in a folder that all coordinators share, on one file system. Opens nothing that must be closed. */
export class DirectoryStore implements ArtifactStore {
  readonly #root: string;
  readonly #staging: StagingFolder;

  constructor(root: string) {
    this.#root = root;
    this.#staging = new StagingFolder(join(root, 'staging'));
  }

  async held(attemptKey: string, artifact: Artifact): Promise<HeldArtifact> {
    return await this.#staging.held(attemptKey, artifact);
  }

  async write(
    attemptKey: string,
    artifact: Artifact,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<HeldArtifact> {
    return await this.#staging.write(attemptKey, artifact, offset, bytes);
  }

  async drop(attemptKey: string): Promise<void> {
    await this.#staging.drop(attemptKey);
  }

  /** Keys of all attempts that have something staged. */
  async stagedAttempts(): Promise<readonly string[]> {
    return await readdir(join(this.#root, 'staging')).catch(() => []);
  }

  async makePermanent(attemptKey: string, artifacts: readonly Artifact[]): Promise<void> {
    const folders = new Set<string>();
    for (const sha256 of new Set(artifacts.map((artifact) => artifact.sha256))) {
      const blob = this.#blobPath(sha256);
      await mkdir(dirname(blob), { recursive: true });
      folders.add(dirname(blob));
      if (await exists(blob)) continue;
      await rename(this.#staging.completePath(attemptKey, sha256), blob).catch(async (cause: unknown) => {
        if (isMissing(cause) && (await exists(blob))) return;
        const code = isMissing(cause) ? 'not_found' : 'infrastructure';
        throw new FarmError(code, `artifact ${sha256} of ${attemptKey} cannot be kept: ${messageOf(cause)}`, {
          cause,
        });
      });
    }
    for (const folder of folders) await syncFolder(folder);
  }

  async commit(json: BuildJson): Promise<BuildJson> {
    const folder = binDir(json.requestHash, json.generation);
    const path = this.#buildJsonPath(folder);
    const marker = join(this.#requestPath(json.requestHash), folder);
    await mkdir(dirname(marker), { recursive: true });
    await (await open(marker, 'a')).close();
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.${randomBytes(8).toString('hex')}`;
    try {
      const file = await open(draft, 'wx');
      try {
        await file.writeFile(JSON.stringify(json));
        await file.sync();
      } finally {
        await file.close();
      }
      // A link is refused where the name exists, so the first `build.json` of a generation is the only one.
      await link(draft, path).catch((cause: unknown) => {
        if (!hasErrno(cause, 'EEXIST')) throw cause;
      });
      await syncFolder(dirname(path));
    } finally {
      await unlink(draft).catch(() => undefined);
    }
    const standing = await this.#readBuildJson(folder);
    if (!standing) throw new FarmError('infrastructure', `${path} was written and cannot be read`);
    return standing;
  }

  async newest(requestHash: string): Promise<BuildJson | undefined> {
    const folders = await readdir(this.#requestPath(requestHash)).catch(() => []);
    // One that cannot be read must not hide the others.
    const builds = await Promise.all(
      folders.map((folder) => this.#readBuildJson(folder).catch(() => undefined)),
    );
    return builds
      .filter((json) => json !== undefined)
      .sort((left, right) => right.finishedAt - left.finishedAt)[0];
  }

  async find(folder: string, name: string): Promise<StoredFile | undefined> {
    if (!/^[0-9a-f]{64}$/.test(folder)) return undefined;
    const json = (await this.#readBuildJson(folder)) ?? (await this.newest(folder));
    const artifact = json?.artifacts.find((each) => each.name === name);
    if (!json || !artifact) return undefined;
    const path = this.#blobPath(artifact.sha256);
    if (!(await exists(path))) return undefined;
    return {
      name,
      sha256: artifact.sha256,
      sizeBytes: artifact.sizeBytes,
      binDir: binDir(json.requestHash, json.generation),
      finishedAt: json.finishedAt,
      read: (range) => createReadStream(path, range),
    };
  }

  async #readBuildJson(folder: string): Promise<BuildJson | undefined> {
    let text: string;
    try {
      text = await readFile(this.#buildJsonPath(folder), 'utf8');
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw new FarmError('infrastructure', `build.json of ${folder} cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    }
    return parseJsonAs(BuildJsonSchema, text, `build.json of ${folder}`);
  }

  #blobPath(sha256: string): string {
    return join(this.#root, 'blobs', sha256.slice(0, 2), sha256);
  }

  #buildJsonPath(folder: string): string {
    return join(this.#root, 'builds', folder.slice(0, 2), folder, 'build.json');
  }

  #requestPath(requestHash: string): string {
    return join(this.#root, 'requests', requestHash.slice(0, 2), requestHash);
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** A rename or link survives a power loss only once its folder is written. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function hasErrno(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

function isMissing(thrown: unknown): boolean {
  return hasErrno(thrown, 'ENOENT');
}
