import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Results } from './results.ts';

/** Results in a folder that all coordinators share. */
export class FolderResults implements Results {
  readonly settings = {};
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async buildJsons(): Promise<ReadonlyMap<string, string>> {
    const names = (await this.#builds()).filter((name) => name.endsWith('/build.json'));
    return new Map(
      await Promise.all(
        names.map(async (name): Promise<[string, string]> => {
          return [name.split('/').at(-2) ?? '', await readFile(join(this.#folder, 'builds', name), 'utf8')];
        }),
      ),
    );
  }

  async countOf(requestHash: string): Promise<number> {
    return (await namesIn(join(this.#folder, 'requests', requestHash.slice(0, 2), requestHash))).length;
  }

  async halfWritten(): Promise<readonly string[]> {
    const names = (await this.#builds()).filter((name) => /build\.json\.[0-9a-f]+$/.test(name));
    return names.map((name) => `file: artifacts/builds/${name}`);
  }

  /** Left by a coordinator that died, or by a write that came when its attempt was over. */
  async uploads(): Promise<readonly string[]> {
    return await stagedIn(this.#folder);
  }

  async #builds(): Promise<readonly string[]> {
    return await readdir(join(this.#folder, 'builds'), { recursive: true }).catch(() => []);
  }
}

/** Uploads on a coordinator's disk, as a line each. */
export async function stagedIn(artifactsFolder: string): Promise<readonly string[]> {
  return (await namesIn(join(artifactsFolder, 'staging'))).map((name) => `file: artifacts/staging/${name}`);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => []);
}
