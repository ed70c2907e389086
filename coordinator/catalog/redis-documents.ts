import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import type { Redis } from 'ioredis';
import { messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { assetPath } from '../../shared/package-root.ts';
import type { FetchedCopy, SharedCopy, SharedDocuments } from './shared-documents.ts';

export interface RedisDocumentsConfig {
  /** Most compressed bytes of all documents together. Default 256 MiB; a release has 10 to 20. */
  readonly maxBytes?: number;
  /** Most compressed bytes of one document that is shared at all. Default 8 MiB. */
  readonly maxDocumentBytes?: number;
  /** How long a document is kept that upstream no longer confirms, milliseconds. Default 14 days. */
  readonly keepMs?: number;
}

const PREFIX = 'wrtfarm:document:';
const LOCK_PREFIX = 'wrtfarm:document-lock:';
/** Fast; upstream's JSON becomes a sixth. */
const LEVEL = 1;
/** Largest document that is unpacked. */
const MAX_UNPACKED_BYTES = 64 * 1024 ** 2;
/** Gives a lock back only to who has it. */
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

const pack = promisify(deflate);
const unpack = promisify(inflate);

/** Upstream documents in Redis, compressed; ages are by Redis' clock. `lua/keep-document.lua` says what lies where. */
export class RedisDocuments implements SharedDocuments {
  readonly #redis: Redis;
  readonly #log: Log;
  readonly #config: RedisDocumentsConfig;
  readonly #script: string;

  constructor(redis: Redis, log: Log, config: RedisDocumentsConfig = {}) {
    this.#redis = redis;
    this.#log = log;
    this.#config = config;
    this.#script = readFileSync(assetPath('coordinator/catalog/lua/keep-document.lua'), 'utf8');
  }

  async look(url: string): Promise<SharedCopy | undefined> {
    return await this.#tried(url, async () => {
      const [fields, time] = await Promise.all([
        this.#redis.hmget(`${PREFIX}${url}`, 'tag', 'etag', 'lastModified', 'checkedAt', 'changedAt'),
        this.#redis.time(),
      ]);
      const [tag, etag, lastModified, checkedAt, changedAt] = fields;
      if (tag === null || tag === undefined || !checkedAt) return undefined;
      const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
      return {
        tag,
        ageMs: Math.max(0, now - Number(checkedAt)),
        changedMs: changedAt ? Math.max(0, now - Number(changedAt)) : undefined,
        validators: { etag: etag || undefined, lastModified: lastModified || undefined },
      };
    });
  }

  async bytes(url: string, tag: string): Promise<Buffer | undefined> {
    return await this.#tried(url, async () => {
      const [held, body] = await this.#redis.hmgetBuffer(`${PREFIX}${url}`, 'tag', 'body');
      if (held?.toString() !== tag || !body || body.byteLength === 0) return undefined;
      return await unpack(body, { maxOutputLength: MAX_UNPACKED_BYTES });
    });
  }

  async keep(url: string, { tag, validators, bytes }: FetchedCopy): Promise<void> {
    await this.#tried(url, async () => {
      const body = bytes ? await pack(bytes, { level: LEVEL }) : Buffer.alloc(0);
      if (body.byteLength > (this.#config.maxDocumentBytes ?? 8 * 1024 ** 2)) return;
      const { etag = '', lastModified = '' } = validators;
      await this.#run({ url, tag, etag, lastModified, isConfirmed: false }, body);
    });
  }

  async confirm(url: string, tag: string): Promise<void> {
    await this.#tried(url, () => this.#run({ url, tag, isConfirmed: true }, Buffer.alloc(0)));
  }

  async claim(url: string, forMs: number): Promise<AsyncDisposable | undefined> {
    const key = `${LOCK_PREFIX}${url}`;
    const mine = randomBytes(8).toString('hex');
    const answer = await this.#tried(url, async () =>
      (await this.#redis.set(key, mine, 'PX', forMs, 'NX')) === 'OK' ? 'claimed' : 'taken',
    );
    if (answer === 'taken') return undefined;
    return {
      [Symbol.asyncDispose]: async () => {
        await this.#tried(url, () => this.#redis.eval(RELEASE, 1, key, mine));
      },
    };
  }

  async #run(args: Readonly<Record<string, unknown>>, body: Buffer): Promise<void> {
    const bounds = {
      maxBytes: this.#config.maxBytes ?? 256 * 1024 ** 2,
      keepMs: this.#config.keepMs ?? 14 * 24 * 3_600_000,
    };
    await this.#redis.eval(this.#script, 0, JSON.stringify({ ...args, ...bounds }), body);
  }

  async #tried<T>(url: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      this.#log.debug({ url, reason: messageOf(thrown) }, 'a document could not be shared through Redis');
      return undefined;
    }
  }
}
