import type { Redis } from 'ioredis';
import type { Clock } from '../../shared/clock.ts';
import { type BuilderSource, builderName, parseBuilderToken } from '../../shared/domain/builder.ts';
import { hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { BuildStore } from '../builds/build-store.ts';
import { SEEN_RELEASES_KEY } from '../builds/keys.ts';
import type { WaitingQueue, WaitingSet } from '../builds/waiting-queue.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { DemandCounts } from '../farm/demand-counts.ts';
import type { FarmPicture, FarmPictures } from '../farm/farm-picture.ts';
import type { OfferedBuilders } from '../farm/offered-builders.ts';
import { rankByDemand } from '../scheduling/demand.ts';
import { acceptsBuilder, isWarm } from '../scheduling/farm-view.ts';
import { expectedDemand, followedVersion, type NewRelease, newReleases } from '../scheduling/new-release.ts';

/** So many of the most wanted builders are followed although nobody has them. */
const MAX_WANTED = 200;
/** Upstream is asked about so many builders at a time. */
const AT_ONCE = 4;
/** A look is taken no more and no less often than this, milliseconds. */
const MIN_FOLLOW_MS = 500;
const MAX_FOLLOW_MS = 5_000;

export interface UpstreamFollowerDependencies {
  readonly redis: Redis;
  readonly catalog: Pick<Catalog, 'currentSource' | 'versionsByBranch' | 'targets' | 'distros'>;
  readonly farm: FarmPictures;
  readonly offered: OfferedBuilders;
  readonly demand: DemandCounts;
  readonly builds: Pick<BuildStore, 'get' | 'repin'>;
  readonly waiting: Pick<WaitingQueue, 'waitingHashes'>;
  /** How long the catalog uses what upstream told before it asks again: there is no news before. Milliseconds. */
  readonly freshMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often to look, milliseconds. What is warm or waits changes also where upstream does not. */
export function followEveryMs(freshMs: number): number {
  return Math.max(MIN_FOLLOW_MS, Math.min(MAX_FOLLOW_MS, freshMs));
}

/**
 * Follows what upstream offers: notes the current bytes of each builder the farm deals with, moves builds that wait to them, and
 * expects a new release to be asked for as the one before it.
 */
export class UpstreamFollower {
  readonly #deps: UpstreamFollowerDependencies;
  #lookedForReleasesAt = Number.NEGATIVE_INFINITY;

  constructor(deps: UpstreamFollowerDependencies) {
    this.#deps = deps;
  }

  /** One look, and every `freshMs` one for new releases. What upstream does not tell stays as it was. */
  async step(): Promise<void> {
    const { farm, catalog, clock, freshMs, log } = this.#deps;
    const picture = await farm.within(1_000);
    const builders = await this.#followed(picture);
    const current = new Map<string, BuilderSource>();
    for (let at = 0; at < builders.length; at += AT_ONCE) {
      const some = builders.slice(at, at + AT_ONCE);
      await Promise.all(
        some.map(async (builder) => {
          const source = await this.#follow(builder, picture.offered.get(builder));
          if (source) current.set(builder, source);
        }),
      );
    }
    for (const builder of picture.offered.keys())
      if (!builders.includes(builder)) await this.#deps.offered.forget(builder);
    for (const set of picture.sets) {
      const source = current.get(set.builder);
      if (source) await this.#moveWaiting(set, source, picture);
    }
    if (clock.steadyMs() - this.#lookedForReleasesAt < freshMs) return;
    this.#lookedForReleasesAt = clock.steadyMs();
    for (const distro of catalog.distros) {
      // The mirror of one distribution may be down, or have no list of versions.
      await this.#seeReleases(distro).catch((thrown: unknown) =>
        log.debug({ distro, reason: messageOf(thrown) }, 'upstream does not tell of its releases'),
      );
    }
  }

  /** Builders that matter: warm, waited for, pinned, or much asked for. */
  async #followed({ view, sets }: FarmPicture): Promise<readonly string[]> {
    const { demand, clock } = this.#deps;
    const wanted = rankByDemand(await demand.all(), clock.now()).slice(0, MAX_WANTED);
    return [
      ...new Set([
        ...sets.map(({ builder }) => builder),
        ...view.pinned,
        ...view.agents.flatMap(({ warm }) => warm.map(({ builder }) => builder)),
        ...wanted,
      ]),
    ];
  }

  async #follow(token: string, known: BuilderSource | undefined): Promise<BuilderSource | undefined> {
    const { catalog, offered, log } = this.#deps;
    const builder = parseBuilderToken(token);
    if (!builder) return undefined;
    try {
      const source = await catalog.currentSource(builder);
      if (source.digest === known?.digest && source.versionPath === known.versionPath) return source;
      await offered.note(source);
      if (known)
        log.info({ builder: builderName(builder), digest: source.digest }, 'upstream changed a builder');
      return source;
    } catch (thrown) {
      if (hasCode(thrown, 'not_found')) await offered.forget(token);
      else log.debug({ builder: token, reason: messageOf(thrown) }, 'upstream does not tell of a builder');
      return undefined;
    }
  }

  /** What waits is made with what upstream offers when its turn comes; who named a revision waits for that while an agent that takes work has it. */
  async #moveWaiting(set: WaitingSet, current: BuilderSource, { view }: FarmPicture): Promise<void> {
    if (set.parts.every(({ digest }) => digest === current.digest)) return;
    const { builds, waiting, log } = this.#deps;
    const isKept = (digest: string): boolean =>
      view.agents.some(
        (agent) =>
          !agent.draining &&
          agent.lanes.includes(set.lane) &&
          acceptsBuilder(agent, set.builder) &&
          isWarm(agent, { builder: set.builder, digest }),
      );
    let moved = 0;
    for (const hash of await waiting.waitingHashes(set.lane, set.builder, set.count)) {
      const record = await builds.get(hash);
      if (!record || record.source.digest === current.digest) continue;
      if (record.spec.versionCode !== '' && isKept(record.source.digest)) continue;
      await builds.repin(record, current);
      moved += 1;
    }
    if (moved > 0)
      log.info({ builder: set.builder, digest: current.digest, moved }, 'waiting builds follow upstream');
  }

  async #seeReleases(distro: string): Promise<void> {
    const { redis, catalog, log } = this.#deps;
    const named = (version: string): string => `${distro} ${version}`;
    const byBranch = await catalog.versionsByBranch(distro);
    const all = [...byBranch.values()].flat();
    const isFirstLook = !(await redis.smembers(SEEN_RELEASES_KEY)).some((each) =>
      each.startsWith(`${distro} `),
    );
    const seen = new Set<string>();
    if (!isFirstLook)
      for (const version of all)
        if (await redis.sismember(SEEN_RELEASES_KEY, named(version))) seen.add(version);
    // A farm that has just begun knows of no release before; none of what is there is news to it.
    const fresh = isFirstLook ? [] : newReleases(byBranch, seen);
    for (const release of fresh) {
      if (!(await this.#expect(distro, release))) continue;
      await redis.sadd(SEEN_RELEASES_KEY, named(release.version));
      log.info({ distro, version: release.version }, 'a release is new upstream');
    }
    if (isFirstLook && all.length > 0) await redis.sadd(SEEN_RELEASES_KEY, ...all.map(named));
  }

  /** @returns false while upstream announces a release and has nothing of it yet. */
  async #expect(distro: string, release: NewRelease): Promise<boolean> {
    const { catalog, demand, clock } = this.#deps;
    const targets = await catalog.targets(distro, release.version);
    if (targets.length === 0) return false;
    const demands = await demand.all();
    const follows = followedVersion(release, distro, demands);
    if (follows === undefined) return true;
    const { version } = release;
    await demand.expect(expectedDemand({ distro, version, follows, targets }, demands, clock.now()));
    return true;
  }
}
