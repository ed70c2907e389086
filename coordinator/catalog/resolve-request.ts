import { Compile } from 'typebox/compile';
import { type BuildSpec, BuildSpecSchema } from '../../shared/domain/build-spec.ts';
import type { Builder, BuilderSource } from '../../shared/domain/builder.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { ResolvedRequest } from '../builds/build-record.ts';
import { branchOf } from './branches.ts';
import type { BuildRequest } from './build-request.ts';
import type { Catalog } from './catalog.ts';
import type { PackageCatalog } from './packages.ts';
import { hasOnlyGeneric, resolveProfile, type TargetProfiles } from './profiles.ts';
import { isRepositoryAllowed } from './repository-policy.ts';
import { suggest } from './suggest.ts';

/** Compiled: it stands in the way of every request. */
const BUILD_SPEC = Compile(BuildSpecSchema);
const DISTROS = ['openwrt'];
/** Most unknown packages that are named, and that suggestions are sought for. */
const MAX_NAMED = 50;
const MAX_SUGGESTED = 3;

export interface ResolvePolicy {
  /** Whether first-boot scripts of clients are taken. */
  readonly allowDefaults: boolean;
  /** URL prefixes of extra feeds that clients may name. */
  readonly repositoryAllowList: readonly string[];
}

export interface ResolveDeps {
  readonly catalog: Omit<Catalog, 'overview' | 'isStale' | typeof Symbol.asyncDispose>;
  readonly policy: ResolvePolicy;
  readonly log: Log;
}

/**
 * A request normalised against what upstream offers now, in the order and with the words of contract 2.4.
 * @throws FarmError `invalid_request` with the text for the client, and in its details `missingField: 'profile'` when the
 * target has more than one profile and none was given, or `unknownPackages` with the names upstream does not have;
 * `unavailable` when upstream cannot be asked.
 */
export async function resolveRequest(deps: ResolveDeps, request: BuildRequest): Promise<ResolvedRequest> {
  checkPolicy(deps.policy, request);
  const builder = await findBuilder(deps, request);
  const [profiles, profile] = await findProfile(deps, builder, request);
  await checkVersionCode(deps, builder, profiles, request.versionCode);
  const pinned = Object.keys(request.packagesVersions);
  const packages = [...new Set(pinned.length > 0 ? pinned : request.packages)];
  if (Object.keys(request.repositories).length === 0) {
    await checkPackages(deps, builder, () => deps.catalog.packages(builder, profiles, profile), packages);
  }
  const source = await findSource(deps, builder);
  const spec: BuildSpec = {
    ...builder,
    versionCode: request.versionCode,
    profile,
    packages,
    packagesVersions: request.packagesVersions,
    diffPackages: request.diffPackages,
    defaults: request.defaults === '' ? null : request.defaults,
    rootfsSizeMb: request.rootfsSizeMb,
    filesystem: request.filesystem,
    repositories: request.repositories,
    repositoriesMode: request.repositoriesMode,
    repositoryKeys: [...request.repositoryKeys],
  };
  if (!BUILD_SPEC.Check(spec)) throw notBuildable(spec);
  return { spec, source, client: request.client };
}

function checkPolicy(policy: ResolvePolicy, request: BuildRequest): void {
  if (request.defaults && !policy.allowDefaults) throw refuse('Handling `defaults` not enabled on server');
  for (const url of Object.values(request.repositories)) {
    if (!isRepositoryAllowed(url, policy.repositoryAllowList)) throw refuse(`Repository not allowed: ${url}`);
  }
}

async function findBuilder({ catalog }: ResolveDeps, request: BuildRequest): Promise<Builder> {
  const { distro, version, target } = request;
  if (!DISTROS.includes(distro)) throw refuse(`Unsupported distro: ${distro}`);
  if (!branchOf(version)) throw refuse(`Unsupported branch: ${version}`);
  const hasVersion =
    (await catalog.hasVersion(version, 'fresh')) || (await catalog.hasVersion(version, 'recheck'));
  if (!hasVersion) throw refuse(`Unsupported version: ${version}`);
  const builder = { distro, version, target };
  const hasTarget =
    (await catalog.hasTarget(builder, 'fresh')) || (await catalog.hasTarget(builder, 'recheck'));
  if (!hasTarget) throw unsupportedTarget(target);
  return builder;
}

async function findProfile(
  { catalog }: ResolveDeps,
  builder: Builder,
  request: BuildRequest,
): Promise<readonly [TargetProfiles, string]> {
  for (const age of ['fresh', 'recheck'] as const) {
    const profiles = await catalog.profiles(builder, age);
    const profile = profiles && resolveProfile(profiles, request.profile);
    if (profiles && profile) return [profiles, profile];
    if (profiles && request.profile === null && !hasOnlyGeneric(profiles)) {
      throw new FarmError('invalid_request', 'Field required', { details: { missingField: 'profile' } });
    }
    if (age === 'recheck' && !profiles) throw unsupportedTarget(builder.target);
  }
  throw refuse(
    `Unsupported profile: ${request.profile}. The requested profile was either dropped or never existed. ` +
      'Please check the forums for more information.',
  );
}

async function checkVersionCode(
  { catalog }: ResolveDeps,
  builder: Builder,
  profiles: TargetProfiles,
  wanted: string,
): Promise<void> {
  if (wanted === '' || wanted === profiles.versionCode) return;
  const current = (await catalog.profiles(builder, 'recheck')) ?? profiles;
  if (wanted === current.versionCode) return;
  throw refuse(`Received incorrect version ${current.versionCode} (requested ${wanted})`);
}

/** What cannot be known now is left to the build to find out. */
async function checkPackages(
  { log }: ResolveDeps,
  builder: Builder,
  read: () => Promise<PackageCatalog | undefined>,
  packages: readonly string[],
): Promise<void> {
  const wanted = packages.filter((name) => !name.startsWith('-'));
  try {
    const known = await read();
    const unknown = (await known?.unknown(wanted)) ?? [];
    if (known && unknown.length > 0) throw unknownPackages(unknown, [...known.names()]);
  } catch (thrown) {
    if (!hasCode(thrown, 'unavailable')) throw thrown;
    log.warn({ builder, reason: messageOf(thrown) }, 'packages could not be checked before the build');
  }
}

async function findSource({ catalog }: ResolveDeps, builder: Builder): Promise<BuilderSource> {
  try {
    return await catalog.currentSource(builder);
  } catch (thrown) {
    throw hasCode(thrown, 'not_found') ? unsupportedTarget(builder.target, thrown) : thrown;
  }
}

function unknownPackages(unknown: readonly string[], candidates: readonly string[]): FarmError {
  const named = unknown.slice(0, MAX_NAMED).join(', ');
  const more = unknown.length > MAX_NAMED ? ` and ${unknown.length - MAX_NAMED} more` : '';
  const meant = unknown
    .slice(0, MAX_SUGGESTED)
    .map((name) => suggest(name, candidates))
    .filter((name) => name !== undefined);
  const hint = meant.length > 0 ? ` (did you mean ${[...new Set(meant)].join(', ')}?)` : '';
  return new FarmError('invalid_request', `Unknown package(s): ${named}${more}${hint}`, {
    details: { unknownPackages: unknown },
  });
}

/** What got here fits asu's model and the catalog; this holds what make may see even if those let something pass. */
function notBuildable(spec: BuildSpec): FarmError {
  const [first] = BUILD_SPEC.Errors(spec);
  return refuse(
    `The request cannot be built: ${first?.instancePath || '/'} ${first?.message ?? 'is not valid'}`,
  );
}

function unsupportedTarget(target: string, cause?: unknown): FarmError {
  return new FarmError(
    'invalid_request',
    `Unsupported target: ${target}. The requested target was either dropped, is still being built or is not ` +
      'supported by the selected version. Please check the forums or try again later.',
    { cause },
  );
}

function refuse(detail: string): FarmError {
  return new FarmError('invalid_request', detail);
}
