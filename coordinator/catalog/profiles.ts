import { PROFILE_PATTERN } from '../../shared/domain/build-spec.ts';
import { type ProfilesJson, ProfilesJsonSchema } from '../../shared/domain/profiles-json.ts';
import { branchOf, versionPath } from './branches.ts';
import type { DocumentKind, Documents } from './documents.ts';
import { parseJsonDocument } from './json-document.ts';

/** What a request is compared with: one target of one version. */
export interface TargetProfiles {
  readonly target: string;
  /** Architecture of its packages, such as `x86_64`. */
  readonly architecture: string;
  /** Revision of its ImageBuilder, such as `r28959-29397011cc`. */
  readonly versionCode: string;
  /** Folder of its kernel modules, such as `6.6.110-1-<vermagic>`; undefined when upstream does not say. */
  readonly kernel: string | undefined;
  readonly defaultPackages: readonly string[];
  /** Device packages by profile id. */
  readonly profiles: ReadonlyMap<string, readonly string[]>;
  /** Profile ids by every name a client may use; commas replaced by underscores. */
  readonly aliases: ReadonlyMap<string, string>;
}

const PROFILES_JSON: DocumentKind<TargetProfiles> = {
  parse: parseProfiles,
  maxBytes: 32 * 1024 ** 2,
};

/** The profiles of a target; undefined when upstream has none. Throws `unavailable` when that cannot be read. */
export async function readProfiles(
  documents: Documents,
  version: string,
  target: string,
  options?: { readonly maxAgeMs?: number },
): Promise<TargetProfiles | undefined> {
  const branch = branchOf(version, documents.distribution);
  if (!branch) return undefined;
  const path = `${versionPath(branch, version)}/targets/${target}/profiles.json`;
  return documents.read(PROFILES_JSON, path, options);
}

/** Reads a target's `profiles.json`; throws on anything else. */
export function parseProfiles(bytes: Buffer): TargetProfiles {
  const json = parseJsonDocument(ProfilesJsonSchema, bytes);
  const pattern = new RegExp(PROFILE_PATTERN);
  const profiles = Object.entries(json.profiles).filter(([id]) => pattern.test(id));
  const aliases = profiles.flatMap(([id, profile]) =>
    (profile.supported_devices ?? []).map((device) => [withoutCommas(device), id] as const),
  );
  return {
    target: json.target,
    architecture: json.arch_packages,
    versionCode: json.version_code,
    kernel: kernelFolder(json),
    defaultPackages: json.default_packages ?? [],
    profiles: new Map(profiles.map(([id, profile]) => [id, profile.device_packages ?? []])),
    // Ids come last: a device keeps its own profile even where another profile supports it too.
    aliases: new Map([...aliases, ...profiles.map(([id]) => [withoutCommas(id), id] as const)]),
  };
}

/**
 * The profile a client means: by id, by a board name (`,` and `_` are the same), or any name and none at all where
 * `generic` is the only one. Undefined when there is no such profile.
 */
export function resolveProfile(profiles: TargetProfiles, name: string | null): string | undefined {
  if (hasOnlyGeneric(profiles)) return 'generic';
  return name === null ? undefined : profiles.aliases.get(withoutCommas(name));
}

/** Whether a request may leave the profile out. */
export function hasOnlyGeneric(profiles: TargetProfiles): boolean {
  return profiles.profiles.size === 1 && profiles.profiles.has('generic');
}

function withoutCommas(name: string): string {
  return name.replaceAll(',', '_');
}

function kernelFolder({ linux_kernel: kernel }: ProfilesJson): string | undefined {
  if (!kernel) return undefined;
  const folder = `${kernel.version}-${kernel.release}-${kernel.vermagic}`;
  return /^[A-Za-z0-9][A-Za-z0-9._~+-]*$/.test(folder) ? folder : undefined;
}
