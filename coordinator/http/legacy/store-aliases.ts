import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { BuildRecord } from '../../builds/build-record.ts';

const PREFIX = 'wrtfarm:store-alias:';
/** Longer than any answer is given from memory. */
const KEPT_MS = 14 * 86_400_000;
/** `{version}/{target}/{subtarget}/{profile}/{12 hex digits}`. */
const ALIAS = /^[\w.,-]+\/[\w-]+\/[\w-]+\/[\w.,-]+\/[0-9a-f]{12}$/;

/**
 * The folders that asu v0.3.0 would have put images into (contract 3), as names for the folders they are in. A name stands for
 * one build only, so that the bytes under it never change while somebody may come for them.
 */
export class StoreAliases {
  readonly #redis: Pick<Redis, 'get' | 'set'>;

  constructor(redis: Pick<Redis, 'get' | 'set'>) {
    this.#redis = redis;
  }

  /**
   * Lets a name stand for the build in `binDir`.
   * @param isThere whether a build's files are still there: names of those that are not are free again.
   * @returns false when it stands for another build.
   */
  async remember(
    alias: string,
    binDir: string,
    isThere: (binDir: string) => Promise<boolean>,
  ): Promise<boolean> {
    if ((await this.#redis.set(PREFIX + alias, binDir, 'PX', KEPT_MS, 'NX')) !== null) return true;
    const standing = await this.find(alias);
    if (standing && standing !== binDir && (await isThere(standing))) return false;
    await this.#redis.set(PREFIX + alias, binDir, 'PX', KEPT_MS);
    return true;
  }

  /** The `bin_dir` of the build a name stands for; undefined for what was never such a name. */
  async find(alias: string): Promise<string | undefined> {
    return ALIAS.test(alias) ? ((await this.#redis.get(PREFIX + alias)) ?? undefined) : undefined;
  }
}

/**
 * The folder of a finished build in asu v0.3.0: its last part are the first 12 hex digits of the sha256 over its packages'
 * names. Undefined when the build has no manifest.
 */
export function legacyFolder(record: Pick<BuildRecord, 'spec' | 'answer'>): string | undefined {
  const { manifest } = record.answer ?? {};
  if (typeof manifest !== 'object' || manifest === null) return undefined;
  const names = Object.keys(manifest).sort().join(' ');
  const hash = createHash('sha256').update(names).digest('hex').slice(0, 12);
  const { version, target, profile } = record.spec;
  return `${version}/${target}/${profile}/${hash}`;
}
