import { Compile } from 'typebox/compile';
import { type BuildSpec, BuildSpecSchema } from '../../shared/domain/build-spec.ts';
import type { Builder, BuilderSource } from '../../shared/domain/builder.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { ResolvedRequest } from '../builds/build-record.ts';
import { branchOf } from './branches.ts';
import type { BuildRequest } from './build-request.ts';
import type { Catalog } from './catalog.ts';
import { applyRules, missingAdditions, type RequestedPackages } from './package-rules.ts';
import { hasOnlyGeneric, resolveProfile, type TargetProfiles } from './profiles.ts';
import { isRepositoryAllowed } from './repository-policy.ts';
import { suggest } from './suggest.ts';

/** Compiled: it stands in the way of every request. */
const BUILD_SPEC = Compile(BuildSpecSchema);
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
  const { packages, packagesVersions } = await findPackages(deps, builder, [profiles, profile], request);
  const source = await findSource(deps, builder);
  const spec: BuildSpec = {
    ...builder,
    versionCode: request.versionCode,
    profile,
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
  const distribution = catalog.distribution(distro);
  if (!distribution) throw refuse(`Unsupported distro: ${distro}`);
  if (!branchOf(version, distribution)) throw refuse(`Unsupported branch: ${version}`);
  const hasVersion =
    (await catalog.hasVersion(version, 'fresh', distro)) ||
    (await catalog.hasVersion(version, 'recheck', distro));
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

/** The packages that are built in: as the rules have them, known as far as that can be told, and with what rules add. */
async function findPackages(
  deps: ResolveDeps,
  builder: Builder,
  [profiles, profile]: readonly [TargetProfiles, string],
  request: BuildRequest,
): Promise<RequestedPackages> {
  const { packagesVersions, repositories } = request;
  const pinned = Object.keys(packagesVersions);
  const rules = deps.catalog.rules(builder, profiles, profile);
  const ruled = applyRules(rules, {
    packages: pinned.length > 0 ? pinned : request.packages,
    packagesVersions,
  });
  const additions = missingAdditions(rules, ruled.packages);
  const wanted = ruled.packages.filter((name) => !name.startsWith('-'));
  // Feeds that only the client knows may have anything.
  if (Object.keys(repositories).length > 0) return withAdditions(ruled, additions);
  try {
    const known = await deps.catalog.packages(builder, profiles, profile);
    const unknown = (await known?.unknown(wanted)) ?? [];
    if (known && unknown.length > 0) throw unknownPackages(unknown, [...known.names()]);
    const absent = additions.length > 0 ? ((await known?.unknown(additions)) ?? []) : [];
    return withAdditions(
      ruled,
      additions.filter((name) => !absent.includes(name)),
    );
  } catch (thrown) {
    if (!hasCode(thrown, 'unavailable')) throw thrown;
    // What cannot be known now is left to the build to find out.
    const reason = messageOf(thrown);
    deps.log.warn({ builder, reason }, 'packages could not be checked before the build');
    return withAdditions(ruled, additions);
  }
}

function withAdditions(ruled: RequestedPackages, additions: readonly string[]): RequestedPackages {
  return additions.length === 0 ? ruled : { ...ruled, packages: [...ruled.packages, ...additions] };
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
