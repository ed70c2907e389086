import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Objects } from '../../../support/servers/s3/objects.ts';
import type { TestS3 } from '../../../support/servers/start-s3.ts';
import { stagedIn } from './folder-results.ts';
import type { Results } from './results.ts';

/** Results in a bucket, and uploads on their way there on the disk of each coordinator. */
export class BucketResults implements Results {
  readonly settings: Readonly<Record<string, string>>;
  readonly #objects: Objects;
  readonly #disk: string;

  /** @param disk holds a folder of each coordinator. */
  constructor(s3: Pick<TestS3, 'settings' | 'objects'>, disk: string) {
    this.settings = s3.settings;
    this.#objects = s3.objects;
    this.#disk = disk;
  }

  async buildJsons(): Promise<ReadonlyMap<string, string>> {
    const keys = this.#keys('builds/').filter((key) => key.endsWith('/build.json'));
    return new Map(
      keys.map((key) => [key.split('/').at(-2) ?? '', this.#objects.get(key).bytes.toString()] as const),
    );
  }

  async countOf(requestHash: string): Promise<number> {
    return this.#keys(`requests/${requestHash}/`).length;
  }

  async halfWritten(): Promise<readonly string[]> {
    return [];
  }

  async uploads(): Promise<readonly string[]> {
    const coordinators = await readdir(this.#disk).catch(() => []);
    const onDisk = await Promise.all(coordinators.map((name) => stagedIn(join(this.#disk, name))));
    return [
      ...onDisk.flat(),
      ...this.#keys('staging/').map((key) => `${key} in the bucket`),
      ...[...this.#objects.uploads.values()].map(({ key }) => `parts of ${key} in the bucket`),
    ];
  }

  #keys(prefix: string): readonly string[] {
    return [...this.#objects.stored.keys()].filter((key) => key.startsWith(prefix));
  }
}
