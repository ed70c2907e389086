import type { ChainableCommander, Redis } from 'ioredis';
import type { Clock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import { runLoop } from '../../shared/lifecycle.ts';
import type { Log } from '../../shared/log.ts';
import type { BuildJson } from '../artifacts/sealed-build.ts';
import type { BuildRecord, ResolvedRequest } from '../builds/build-record.ts';
import { type BuildError, publicDetail } from './build-error.ts';
import { dayOf, hourOf } from './calendar.ts';
import {
  ALL_BRANCHES,
  branchLabel,
  clientsKey,
  dayKey,
  ERRORS_KEY,
  packagesKey,
  type StatEvent,
} from './stat-keys.ts';

/** How often counts are written, milliseconds. */
const FLUSH_MS = 1_000;
/** Longest time to write the last counts when it stops, milliseconds. */
const LAST_FLUSH_MS = 500;
/** Names counted between two writes; further ones are not. Bounds memory while Redis is away. */
const MAX_COUNTS = 50_000;
/** Members of a sorted set that are kept, the most frequent ones: clients and packages are names that others choose. */
const MAX_MEMBERS = 20_000;
/** Build errors that are kept. */
export const MAX_ERRORS = 500;
/** Longer than the 26 weeks that are shown. */
const COUNTS_KEPT_SECONDS = 190 * 86_400;
/** Longer than the 30 days that are shown. */
const NAMES_KEPT_SECONDS = 32 * 86_400;
/** Source: asu, for a client that says nothing of itself. */
const UNKNOWN_CLIENT = 'unknown/0';

/** Key and field or member of a count, with nothing else to tell them apart. */
interface Count {
  readonly kind: 'hash' | 'names';
  readonly key: string;
  readonly name: string;
  by: number;
}

/**
 * Counts requests and builds. Telling it costs a few map entries and never fails; once a second `run` adds what came
 * together to Redis. What Redis does not take is lost: these are statistics.
 */
export class StatsRecorder {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #log: Log;
  #counts = new Map<string, Count>();
  /** By event and version, with a blank between; the version is missing where it is not known to be one. */
  #events = new Map<string, number>();
  /** Requests by client since the last write. */
  #clients = new Map<string, number>();
  #errors: BuildError[] = [];

  constructor(deps: { readonly redis: Redis; readonly clock: Clock; readonly log: Log }) {
    this.#redis = deps.redis;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** An accepted request, answered by a build that was `known` or is `new`. */
  requested(kind: 'known' | 'new', record: BuildRecord, request: ResolvedRequest): void {
    const { version } = request.spec;
    this.#event('requests', version);
    if (kind === 'new') this.#event('cache-misses', version);
    else if (record.state === 'done') this.#event('cache-hits', version);
    const client = request.client ?? UNKNOWN_CLIENT;
    if (this.#clients.has(client) || this.#clients.size < MAX_COUNTS) {
      this.#clients.set(client, (this.#clients.get(client) ?? 0) + 1);
    }
  }

  /** A well-formed request for what is not to be had; its version may be any text. */
  refused(): void {
    this.#event('requests');
  }

  /** A build that became final. A cancelled one is neither success nor failure. */
  finished(json: BuildJson): void {
    const { version, target, profile } = json.spec;
    if (json.outcome === 'done') {
      this.#event('successes', version);
      this.#countPackages(json);
    }
    if (json.outcome !== 'failed') return;
    this.#event('failures', version);
    const detail = publicDetail(String(json.answer.detail ?? ''));
    this.#errors.push({ at: json.finishedAt, version, target, profile, detail });
    if (this.#errors.length > MAX_ERRORS) this.#errors.shift();
  }

  /** Writes until the signal is aborted, and then what is left. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await runLoop(
      async () => {
        await this.flush();
        return FLUSH_MS;
      },
      {
        signal,
        clock: this.#clock,
        backoff: { minMs: FLUSH_MS, maxMs: 10 * FLUSH_MS },
        onError: (thrown) => this.#log.debug({ reason: messageOf(thrown) }, 'statistics were lost'),
      },
    );
    await Promise.race([this.flush(), this.#clock.sleep(LAST_FLUSH_MS)]).catch(() => undefined);
  }

  /** Adds what was counted since the last time to Redis; keeps it while there is no connection. */
  async flush(): Promise<void> {
    if (this.#redis.status !== 'ready') return;
    this.#countRequests();
    const [counts, errors] = [this.#counts, this.#errors];
    if (counts.size === 0 && errors.length === 0) return;
    [this.#counts, this.#errors] = [new Map(), []];
    const batch = this.#redis.pipeline();
    const keys = new Map<string, Count['kind']>();
    for (const { kind, key, name, by } of counts.values()) {
      keys.set(key, kind);
      if (kind === 'hash') batch.hincrby(key, name, by);
      else batch.zincrby(key, by, name);
    }
    for (const [key, kind] of keys) bound(batch, key, kind);
    if (errors.length > 0) {
      batch.lpush(ERRORS_KEY, ...errors.map((error) => JSON.stringify(error)));
      batch.ltrim(ERRORS_KEY, 0, MAX_ERRORS - 1);
    }
    await batch.exec();
  }

  #event(event: StatEvent, version = ''): void {
    const key = `${event} ${version}`;
    this.#events.set(key, (this.#events.get(key) ?? 0) + 1);
  }

  /** Events and clients since the last write, under the hour of this one. */
  #countRequests(): void {
    const hour = hourOf(this.#clock.now());
    for (const [key, by] of this.#events) {
      const [event, version] = key.split(' ');
      const names = [event, `${event}@${hour}`, ...(version ? [`${event}:${version}`] : [])];
      for (const name of names) this.#count('hash', dayKey(this.#today()), name ?? '', by);
    }
    for (const [client, by] of this.#clients) this.#count('names', clientsKey(this.#today()), client, by);
    [this.#events, this.#clients] = [new Map(), new Map()];
  }

  /** What people add to their images; clients that list all they have installed name default packages too. */
  #countPackages({ spec, answer }: BuildJson): void {
    const given = new Set([...namesIn(answer.default_packages), ...namesIn(answer.device_packages)]);
    for (const name of spec.packages) {
      if (name.startsWith('-') || given.has(name)) continue;
      this.#count('names', packagesKey(this.#today(), branchLabel(spec.version)), name);
      this.#count('names', packagesKey(this.#today(), ALL_BRANCHES), name);
    }
  }

  #today(): string {
    return dayOf(this.#clock.now());
  }

  #count(kind: Count['kind'], key: string, name: string, by = 1): void {
    const id = `${key} ${name}`;
    const known = this.#counts.get(id);
    if (known) known.by += by;
    else if (this.#counts.size < MAX_COUNTS) this.#counts.set(id, { kind, key, name, by });
  }
}

function namesIn(list: unknown): readonly unknown[] {
  return Array.isArray(list) ? list : [];
}

function bound(batch: ChainableCommander, key: string, kind: Count['kind']): void {
  if (kind === 'names') batch.zremrangebyrank(key, 0, -(MAX_MEMBERS + 1));
  batch.expire(key, kind === 'hash' ? COUNTS_KEPT_SECONDS : NAMES_KEPT_SECONDS);
}
