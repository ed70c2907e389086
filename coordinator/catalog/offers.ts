import type { Clock } from '../../shared/clock.ts';
import type { Builder, BuilderSource } from '../../shared/domain/builder.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { branchOf } from './branches.ts';
import type { BuildRequest } from './build-request.ts';
import type { Age, Catalog } from './catalog.ts';
import { OfferedPackages } from './offered-packages.ts';
import { hasOnlyGeneric, resolveProfile, type TargetProfiles } from './profiles.ts';

/** For this long an offer is not put together anew, milliseconds; little beside how long upstream's documents are fresh. */
const GLANCE_MS = 1_000;
/** Offers held together, the newest. */
const MAX_OFFERS = 2_000;

/** What one builder offers to one of its profiles: all that a request is checked against. */
export interface Offer {
  readonly builder: Builder;
  readonly profile: string;
  /** Revision of the builder, such as `r28959-29397011cc`. */
  readonly versionCode: string;
  readonly source: BuilderSource;
  readonly packages: OfferedPackages;
}

export interface OffersDependencies {
  readonly catalog: Omit<Catalog, 'overview' | 'failing' | typeof Symbol.asyncDispose>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where a request says what it is for. */
type Asked = Pick<BuildRequest, 'distro' | 'version' | 'target' | 'profile'>;

/** What upstream offers, by what requests name: a dozen documents looked at once a second, however many ask. */
export class Offers {
  readonly #deps: OffersDependencies;
  /** The oldest first. */
  readonly #seen = new Map<string, { readonly at: number; readonly offer: Offer }>();

  constructor(deps: OffersDependencies) {
    this.#deps = deps;
  }

  /**
   * What upstream offers for a request.
   * @param age `recheck` looks again at what may have changed since.
   * @throws FarmError `invalid_request` with the text for the client, in asu's order (contract 2.4), and in its details
   * `missingField: 'profile'` when the target has more than one profile and none was given; `unavailable` when upstream cannot
   * be asked.
   */
  async find(asked: Asked, age: Age = 'fresh'): Promise<Offer> {
    const key = `${asked.distro} ${asked.version} ${asked.target} ${asked.profile ?? ''}`;
    const now = this.#deps.clock.steadyMs();
    const seen = this.#seen.get(key);
    if (seen && age === 'fresh' && now - seen.at < GLANCE_MS) return seen.offer;
    const offer = await this.#look(asked, age);
    this.#seen.delete(key);
    this.#seen.set(key, { at: now, offer });
    for (const [oldest, { at }] of this.#seen) {
      if (this.#seen.size <= MAX_OFFERS && now - at < GLANCE_MS) break;
      this.#seen.delete(oldest);
    }
    return offer;
  }

  async #look(asked: Asked, age: Age): Promise<Offer> {
    const builder = await this.#builder(asked);
    const [profiles, profile] = await this.#profile(builder, asked.profile, age);
    const [source, packages] = await Promise.all([
      this.#source(builder, age),
      this.#packages(builder, profiles, profile),
    ]);
    return { builder, profile, versionCode: profiles.versionCode, source, packages };
  }

  async #builder({ distro, version, target }: Asked): Promise<Builder> {
    const { catalog } = this.#deps;
    const distribution = catalog.distribution(distro);
    if (!distribution) throw refusal(`Unsupported distro: ${distro}`);
    if (!branchOf(version, distribution)) throw refusal(`Unsupported branch: ${version}`);
    const hasVersion =
      (await catalog.hasVersion(version, 'fresh', distro)) ||
      (await catalog.hasVersion(version, 'recheck', distro));
    if (!hasVersion) throw refusal(`Unsupported version: ${version}`);
    const builder = { distro, version, target };
    const hasTarget =
      (await catalog.hasTarget(builder, 'fresh')) || (await catalog.hasTarget(builder, 'recheck'));
    if (!hasTarget) throw unsupportedTarget(target);
    return builder;
  }

  async #profile(
    builder: Builder,
    name: string | null,
    age: Age,
  ): Promise<readonly [TargetProfiles, string]> {
    const ages: readonly Age[] = age === 'fresh' ? ['fresh', 'recheck'] : ['recheck'];
    for (const each of ages) {
      const profiles = await this.#deps.catalog.profiles(builder, each);
      const profile = profiles && resolveProfile(profiles, name);
      if (profiles && profile) return [profiles, profile];
      if (profiles && name === null && !hasOnlyGeneric(profiles)) {
        throw new FarmError('invalid_request', 'Field required', { details: { missingField: 'profile' } });
      }
      if (each === 'recheck' && !profiles) throw unsupportedTarget(builder.target);
    }
    throw refusal(
      `Unsupported profile: ${name}. The requested profile was either dropped or never existed. ` +
        'Please check the forums for more information.',
    );
  }

  async #source(builder: Builder, age: Age): Promise<BuilderSource> {
    try {
      return await this.#deps.catalog.currentSource(builder, age);
    } catch (thrown) {
      throw hasCode(thrown, 'not_found') ? unsupportedTarget(builder.target, thrown) : thrown;
    }
  }

  async #packages(builder: Builder, profiles: TargetProfiles, profile: string): Promise<OfferedPackages> {
    const { catalog, log } = this.#deps;
    const rules = catalog.rules(builder, profiles, profile);
    try {
      return new OfferedPackages(rules, await catalog.packages(builder, profiles, profile), log);
    } catch (thrown) {
      if (!hasCode(thrown, 'unavailable')) throw thrown;
      log.warn({ builder, reason: messageOf(thrown) }, 'packages cannot be checked before builds');
      return new OfferedPackages(rules, undefined, log);
    }
  }
}

/** A request that upstream, or this farm, has nothing for. */
export function refusal(detail: string): FarmError {
  return new FarmError('invalid_request', detail);
}

function unsupportedTarget(target: string, cause?: unknown): FarmError {
  return new FarmError(
    'invalid_request',
    `Unsupported target: ${target}. The requested target was either dropped, is still being built or is not ` +
      'supported by the selected version. Please check the forums or try again later.',
    { cause },
  );
}
