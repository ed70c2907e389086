import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { type BuildSpec, BuildSpecSchema } from '../../shared/domain/build-spec.ts';
import { FarmError } from '../../shared/errors.ts';
import type { ResolvedRequest } from '../builds/build-record.ts';
import type { BuildRequest } from './build-request.ts';
import { type Offer, Offers, type OffersDependencies, refusal } from './offers.ts';
import type { RequestedPackages } from './package-rules.ts';
import { isRepositoryAllowed } from './repository-policy.ts';

/** Compiled: it stands in the way of every request. Of packages there may be many, each of which was looked at when chosen. */
const BUILD_SPEC = Compile(Type.Omit(BuildSpecSchema, ['packages']));

export interface ResolvePolicy {
  /** Whether first-boot scripts of clients are taken. */
  readonly allowDefaults: boolean;
  /** URL prefixes of extra feeds that clients may name. */
  readonly repositoryAllowList: readonly string[];
}

/** Compares requests with what upstream offers now. */
export class RequestResolver {
  readonly #policy: ResolvePolicy;
  readonly #offers: Pick<Offers, 'find'>;

  constructor(deps: OffersDependencies, policy: ResolvePolicy) {
    this.#policy = policy;
    this.#offers = new Offers(deps);
  }

  /**
   * A request normalised against what upstream offers now, in the order and with the words of contract 2.4.
   * @throws FarmError `invalid_request` with the text for the client, and in its details `missingField: 'profile'` when the
   * target has more than one profile and none was given, or `unknownPackages` with the names upstream does not have;
   * `unavailable` when upstream cannot be asked. Another revision than the one insisted on is told by `outdated`.
   */
  async resolve(request: BuildRequest): Promise<ResolvedRequest> {
    checkPolicy(this.#policy, request);
    const { offer, outdated } = await this.#offerOf(request);
    const { packages, packagesVersions } = await choosePackages(offer, request);
    const spec: BuildSpec = {
      distro: offer.builder.distro,
      version: offer.builder.version,
      target: offer.builder.target,
      versionCode: request.versionCode,
      profile: offer.profile,
      packages: [...packages],
      packagesVersions,
      diffPackages: request.diffPackages,
      defaults: request.defaults === '' ? null : request.defaults,
      rootfsSizeMb: request.rootfsSizeMb,
      filesystem: request.filesystem,
      repositories: request.repositories,
      repositoriesMode: request.repositoriesMode,
      repositoryKeys: [...request.repositoryKeys],
    };
    if (!BUILD_SPEC.Check(spec)) throw notBuildable(spec);
    return { spec, source: offer.source, client: request.client, ...(outdated ? { outdated } : {}) };
  }

  /** What upstream offers, of the revision that the client insists on, if it does and upstream still has it. */
  async #offerOf(request: BuildRequest): Promise<{ readonly offer: Offer; readonly outdated?: FarmError }> {
    const wanted = request.versionCode;
    const isWanted = ({ versionCode }: Offer): boolean => wanted === '' || wanted === versionCode;
    const seen = await this.#offers.find(request);
    const offer = isWanted(seen) ? seen : await this.#offers.find(request, 'recheck');
    if (isWanted(offer)) return { offer };
    const message = `Received incorrect version ${offer.versionCode} (requested ${wanted})`;
    const outdated = new FarmError('invalid_request', message, { details: { failsAs: 'version' } });
    return { offer, outdated };
  }
}

function checkPolicy(policy: ResolvePolicy, request: BuildRequest): void {
  if (request.defaults && !policy.allowDefaults) throw refusal('Handling `defaults` not enabled on server');
  for (const url of Object.values(request.repositories)) {
    if (!isRepositoryAllowed(url, policy.repositoryAllowList))
      throw refusal(`Repository not allowed: ${url}`);
  }
}

async function choosePackages(
  { packages: offered }: Offer,
  request: BuildRequest,
): Promise<RequestedPackages> {
  const { packagesVersions, repositories } = request;
  const pinned = Object.keys(packagesVersions);
  const requested = { packages: pinned.length > 0 ? pinned : request.packages, packagesVersions };
  return Object.keys(repositories).length > 0 ? offered.unchecked(requested) : offered.choose(requested);
}

/** What got here fits asu's model and the catalog; this holds what make may see even if those let something pass. */
function notBuildable(spec: BuildSpec): FarmError {
  const [first] = BUILD_SPEC.Errors(spec);
  return refusal(
    `The request cannot be built: ${first?.instancePath || '/'} ${first?.message ?? 'is not valid'}`,
  );
}
