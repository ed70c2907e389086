import { type TObject, Type } from 'typebox';
import { DEFAULT_DISTRO } from '../../catalog/distributions.ts';
import { resolveProfile } from '../../catalog/profiles.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { buildRequestSchema } from '../parse-build-request.ts';
import type { LegacyProblem } from './legacy-errors.ts';

export type LegacyRequestDependencies = Pick<HttpDependencies, 'catalog' | 'versions'>;

/** A body of `/api/build` as `/api/v1/build` takes it, or why it is refused. */
export type LegacyRequest =
  | { readonly body: Readonly<Record<string, unknown>> }
  | { readonly problem: LegacyProblem; readonly message: string };

/** Longest part of a request that is told back, characters. */
const MAX_ECHO = 200;

/**
 * Reads a request as asu v0.3.0 and its clients of 2021 did (contract 3): the checks in their order and with their words.
 * Clients of 2020 give no target: it is that of OpenWrt's profile. Versions may be in small letters, as LuCI of March 2020 has them.
 * @throws FarmError `unavailable` when upstream cannot be asked.
 */
export async function readLegacyRequest(
  deps: LegacyRequestDependencies,
  body: unknown,
): Promise<LegacyRequest> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { problem: 'bad_request', message: 'The request is not a JSON object' };
  }
  const { version, profile, target, distro = DEFAULT_DISTRO } = body as Record<string, unknown>;
  if (version === undefined) return { problem: 'bad_version', message: 'Missing version' };
  // The word is asu's: it had no other for this.
  if (profile === undefined && target === undefined) {
    return { problem: 'bad_version', message: 'Missing profile' };
  }
  if (typeof distro !== 'string' || !deps.catalog.distribution(distro)) {
    return { problem: 'bad_distro', message: `Unknown distro: ${echo(distro)}` };
  }
  const offered = typeof version === 'string' ? await findVersion(deps, version, distro) : undefined;
  if (offered === undefined) return { problem: 'bad_version', message: `Unknown version: ${echo(version)}` };
  const found = await findTarget(deps, { version: offered, distro, target, profile });
  return 'problem' in found ? found : { body: { ...body, version: offered, target: found.target } };
}

/** What is taken, as a JSON schema: a request of `/api/v1/build`, which it becomes, but that its target may be looked up. */
export function legacyRequestSchema(): TObject {
  const { target, ...others } = buildRequestSchema().properties;
  return Type.Object({
    ...others,
    target: Type.Optional({ ...target, description: 'default: that of the profile, for openwrt' }),
  });
}

async function findVersion(
  { catalog }: LegacyRequestDependencies,
  version: string,
  distro: string,
): Promise<string | undefined> {
  for (const age of ['fresh', 'recheck'] as const) {
    for (const name of new Set([version, version.replace(/snapshot$/, 'SNAPSHOT')])) {
      if (await catalog.hasVersion(name, age, distro)) return name;
    }
  }
  return undefined;
}

async function findTarget(
  { catalog, versions }: LegacyRequestDependencies,
  asked: {
    readonly version: string;
    readonly distro: string;
    readonly target: unknown;
    readonly profile: unknown;
  },
): Promise<{ readonly target: string } | Extract<LegacyRequest, { problem: unknown }>> {
  const { version, distro, target, profile } = asked;
  const unknownProfile = { problem: 'bad_profile', message: `Unknown profile: ${echo(profile)}` } as const;
  if (target === undefined) {
    // Profiles are known by target; only those of the one distribution that v0.3.0 had are known without.
    if (distro !== DEFAULT_DISTRO) return { problem: 'bad_target', message: `Missing target, for ${distro}` };
    const found = typeof profile === 'string' ? await versions.targetOf(version, profile) : undefined;
    return found === undefined ? unknownProfile : { target: found };
  }
  const builder = { distro, version, target: String(target) };
  const isOffered =
    (await catalog.hasTarget(builder, 'fresh')) || (await catalog.hasTarget(builder, 'recheck'));
  if (typeof target !== 'string' || !isOffered) {
    return { problem: 'bad_target', message: `Unknown target: ${echo(target)}` };
  }
  const profiles = await catalog.profiles(builder, 'fresh');
  const isKnown = profiles && typeof profile === 'string' && resolveProfile(profiles, profile) !== undefined;
  // Without a profile, the target may have only one.
  return profiles && profile !== undefined && !isKnown ? unknownProfile : { target };
}

function echo(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length <= MAX_ECHO ? text : `${text.slice(0, MAX_ECHO)}…`;
}
