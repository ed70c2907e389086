import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open, readdir, readFile, rename, rm, rmdir, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Artifact, MANIFEST_NAME } from '../../shared/domain/artifact.ts';
import { binDir } from '../../shared/domain/build.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { ArtifactStore, HeldArtifact, StoredFile } from './artifact-store.ts';
import { manifestFile } from './manifest-file.ts';
import { newestBuild } from './newest-build.ts';
import { orMissing } from './or-missing.ts';
import type { KeptBuild } from './retention-policy.ts';
import { type BuildJson, parseBuildJson } from './sealed-build.ts';
import { StagingFolder } from './staging-folder.ts';
import { makeFolder, syncFolder } from './sync-folder.ts';
import { Unchanged } from './unchanged.ts';

/*
 * staging/<attempt key>/…                     what attempts upload, see StagingFolder
 * blobs/<2 hex>/<sha256>                      bytes of finished builds, each once
 * builds/<2 hex>/<bin_dir>/files/<sha256>     hard links to blobs: a blob with no other link is used by nobody. By content, not
 *                                             by name: of a build that had two winners, because Redis forgot the first, the
 *                                             files of both may lie here, and `build.json` says whose are served
 * builds/<2 hex>/<bin_dir>/build.json
 * requests/<2 hex>/<request hash>/<bin_dir>   empty: which builds a request hash has
 */

/** An artifact store in a folder that all coordinators share, on one file system. Opens nothing that must be closed. */
export class DirectoryStore implements ArtifactStore {
  readonly #root: string;
  readonly #staging: StagingFolder;
  readonly #stagedUnchanged: Unchanged;
  readonly #unusedUnchanged: Unchanged;

  /** @param now monotonic milliseconds, by which what is left over is told. Default `performance.now`. */
  constructor(root: string, now?: () => number) {
    this.#root = root;
    this.#stagedUnchanged = new Unchanged(now);
    this.#unusedUnchanged = new Unchanged(now);
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

  async stagedBefore(ageMs: number): Promise<readonly string[]> {
    return this.#stagedUnchanged.longerThan(ageMs, await this.#staging.changes());
  }

  async makePermanent(attemptKey: string, folder: string, artifacts: readonly Artifact[]): Promise<void> {
    const files = join(this.#buildPath(folder), 'files');
    await makeFolder(files);
    for (const artifact of artifacts) {
      await this.#keep(attemptKey, artifact, join(files, artifact.sha256)).catch((cause: unknown) => {
        const code = isMissing(cause) ? 'not_found' : 'infrastructure';
        throw new FarmError(code, `${artifact.name} of ${attemptKey} cannot be kept: ${messageOf(cause)}`, {
          cause,
        });
      });
    }
    await syncFolder(files);
  }

  async has(folder: string): Promise<boolean> {
    return await exists(this.#buildJsonPath(folder));
  }

  async kept(): Promise<readonly KeptBuild[]> {
    const builds: KeptBuild[] = [];
    for (const part of await list(join(this.#root, 'builds'))) {
      // One folder that cannot be read keeps the others from nothing.
      for (const folder of await list(join(this.#root, 'builds', part)).catch(() => [])) {
        const json = await this.#readBuildJson(folder).catch(() => undefined);
        if (!json) continue;
        const { requestHash, generation, finishedAt, expiresAt } = json;
        const sizeBytes = json.artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0);
        builds.push({ binDir: folder, requestHash, generation, finishedAt, expiresAt, sizeBytes });
      }
    }
    return builds;
  }

  /** Bytes that are being read stay until their file is closed. */
  async remove(build: Pick<KeptBuild, 'binDir' | 'requestHash'>): Promise<void> {
    await rm(join(this.#requestPath(build.requestHash), build.binDir), { force: true });
    await rmdir(this.#requestPath(build.requestHash)).catch(() => undefined);
    await rm(this.#buildPath(build.binDir), { recursive: true, force: true });
  }

  async removeUnused(ageMs: number): Promise<void> {
    const unused = new Map<string, number>();
    for (const part of await list(join(this.#root, 'blobs'))) {
      for (const name of await list(join(this.#root, 'blobs', part)).catch(() => [])) {
        const path = join(this.#root, 'blobs', part, name);
        const found = await stat(path).catch(() => undefined);
        // The number of links changes it too.
        if (found?.nlink === 1) unused.set(path, found.ctimeMs);
      }
    }
    for (const path of this.#unusedUnchanged.longerThan(ageMs, unused)) {
      // Looking through all takes a while, in which a build may have begun to use it.
      const found = await stat(path).catch(() => undefined);
      if (found?.nlink === 1 && found.ctimeMs === unused.get(path)) await rm(path, { force: true });
    }
  }

  async commit(json: BuildJson): Promise<BuildJson> {
    const folder = binDir(json.requestHash, json.generation);
    const path = this.#buildJsonPath(folder);
    const marker = join(this.#requestPath(json.requestHash), folder);
    await makeFolder(dirname(marker));
    await (await open(marker, 'a')).close();
    await syncFolder(dirname(marker));
    await makeFolder(dirname(path));
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
    const folders = await list(this.#requestPath(requestHash));
    return await newestBuild(folders.map((folder) => this.#readBuildJson(folder)));
  }

  async find(folder: string, name: string): Promise<StoredFile | undefined> {
    if (!/^[0-9a-f]{64}$/.test(folder)) return undefined;
    const json = (await this.#readBuildJson(folder)) ?? (await this.newest(folder));
    const artifact = json?.artifacts.find((each) => each.name === name);
    if (json && !artifact && name === MANIFEST_NAME) return manifestFile(json);
    if (!json || !artifact) return undefined;
    const path = join(this.#buildPath(binDir(json.requestHash, json.generation)), 'files', artifact.sha256);
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
    const text = await orMissing(readFile(this.#buildJsonPath(folder), 'utf8'));
    if (text === undefined) return undefined;
    return parseBuildJson(text, folder);
  }

  /** Links a file to its blob. Where the bytes were there before, they are touched, so that they are not taken for unused. */
  async #keep(attemptKey: string, artifact: Artifact, path: string): Promise<void> {
    if (await exists(path)) return;
    const blob = this.#blobPath(artifact.sha256);
    const staged = this.#staging.completePath(attemptKey, artifact.sha256);
    await makeFolder(dirname(blob));
    for (let tries = 0; ; tries += 1) {
      if (await exists(blob)) await utimes(blob, new Date(), new Date()).catch(() => undefined);
      else
        await rename(staged, blob).catch(async (cause: unknown) => {
          if (!(await exists(blob))) throw cause;
        });
      try {
        await link(blob, path);
        await syncFolder(dirname(blob));
        return;
      } catch (cause) {
        if (hasErrno(cause, 'EEXIST')) return;
        // Taken for unused between the two steps; what is staged becomes the blob then.
        if (!isMissing(cause) || tries > 0) throw cause;
      }
    }
  }

  #buildPath(folder: string): string {
    return join(this.#root, 'builds', folder.slice(0, 2), folder);
  }

  #blobPath(sha256: string): string {
    return join(this.#root, 'blobs', sha256.slice(0, 2), sha256);
  }

  #buildJsonPath(folder: string): string {
    return join(this.#buildPath(folder), 'build.json');
  }

  #requestPath(requestHash: string): string {
    return join(this.#root, 'requests', requestHash.slice(0, 2), requestHash);
  }
}

async function exists(path: string): Promise<boolean> {
  return (await orMissing(stat(path))) !== undefined;
}

async function list(path: string): Promise<readonly string[]> {
  return (await orMissing(readdir(path))) ?? [];
}

function hasErrno(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

function isMissing(thrown: unknown): boolean {
  return hasErrno(thrown, 'ENOENT');
}
