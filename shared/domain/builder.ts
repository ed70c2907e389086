import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { SHA256_PATTERN } from '../digest.ts';

/*
 * A builder is one ImageBuilder: distro, version, target/subtarget. Its digest, the sha256 of its archive, pins its bytes.
 */

export const DISTRO_PATTERN = '^[a-z0-9][a-z0-9-]{0,31}$';
/** `24.10.4`, `25.12.0-rc2`, `24.10-SNAPSHOT`, `SNAPSHOT`; never an underscore, which the token needs. */
export const VERSION_PATTERN = '^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$';
/** `x86/64`, `ath79/generic`, `lantiq/xway_legacy`. */
export const TARGET_PATTERN = '^[a-z0-9][a-z0-9_-]{0,31}/[a-z0-9][a-z0-9_-]{0,31}$';
/** `openwrt=24_10_4=x86=64`. */
export const BUILDER_TOKEN_PATTERN = '^[a-z0-9-]+=[A-Za-z0-9_-]+=[a-z0-9_-]+=[a-z0-9_-]+$';
const TOKEN = new RegExp(BUILDER_TOKEN_PATTERN);
/** Upstream folder of a version below the mirror's root: `releases/24.10.4`, `snapshots`. */
export const VERSION_PATH_PATTERN = '^[a-z]+(/[A-Za-z0-9][A-Za-z0-9.-]*)?$';

export const BuilderSchema = Type.Object({
  distro: Type.String({ pattern: DISTRO_PATTERN }),
  version: Type.String({ pattern: VERSION_PATTERN }),
  target: Type.String({ pattern: TARGET_PATTERN }),
});
export type Builder = Static<typeof BuilderSchema>;

/** A builder pinned to bytes: what a job asks for and what an agent has warm. */
export const PinnedBuilderSchema = Type.Object({
  /** See `builderToken`. */
  builder: Type.String({ pattern: BUILDER_TOKEN_PATTERN }),
  digest: Type.String({ pattern: SHA256_PATTERN }),
});
export type PinnedBuilder = Static<typeof PinnedBuilderSchema>;

/** Where a builder's archive lies and what it must hash to, relative to upstream. */
export const BuilderSourceSchema = Type.Object({
  distro: Type.String({ pattern: DISTRO_PATTERN }),
  version: Type.String({ pattern: VERSION_PATTERN }),
  target: Type.String({ pattern: TARGET_PATTERN }),
  /** Upstream folder of the version, such as `releases/24.10.4` or `snapshots`. */
  versionPath: Type.String({ pattern: VERSION_PATH_PATTERN }),
  digest: Type.String({ pattern: SHA256_PATTERN }),
});
export type BuilderSource = Static<typeof BuilderSourceSchema>;

/** The builder as one NATS token and as a file name: `openwrt=24_10_4=x86=64`. Reversed by `parseBuilderToken`. */
export function builderToken(builder: Builder): string {
  const [target, subtarget] = builder.target.split('/');
  return `${builder.distro}=${builder.version.replaceAll('.', '_')}=${target}=${subtarget}`;
}

/** The builder a token names, or `undefined` for what is not one. */
export function parseBuilderToken(token: string): Builder | undefined {
  if (!TOKEN.test(token)) return undefined;
  const [distro = '', version = '', target, subtarget] = token.split('=');
  return { distro, version: version.replaceAll('_', '.'), target: `${target}/${subtarget}` };
}

/** For people: `24.10.4 x86/64`, with the distro where it is not OpenWrt. */
export function builderName(builder: Builder): string {
  const name = `${builder.version} ${builder.target}`;
  return builder.distro === 'openwrt' ? name : `${builder.distro} ${name}`;
}

/** The builder that people name so, or `undefined` for what is no name of one. Reverses `builderName`. */
export function parseBuilderName(name: string): Builder | undefined {
  const [target, version, distro = 'openwrt', ...more] = name.split(' ').reverse();
  const builder = { distro, version, target };
  return more.length === 0 && Value.Check(BuilderSchema, builder) ? builder : undefined;
}

/** Upstream folder of a target: `releases/24.10.4/targets/x86/64`. */
export function targetPath(source: Pick<BuilderSource, 'versionPath' | 'target'>): string {
  return `${source.versionPath}/targets/${source.target}`;
}

/**
 * The ImageBuilder archive in a `sha256sums` file. Its extension differs between releases (`.tar.xz`, `.tar.zst`), so the
 * name is taken from the file and never guessed (OpenWrt, include/image.mk and target/imagebuilder/Makefile).
 */
export function findArchive(
  sha256sums: string,
  builder: Builder,
): { readonly name: string; readonly digest: string } | undefined {
  const [target, subtarget] = builder.target.split('/');
  const release = `${builder.distro}-imagebuilder-${builder.version}-${target}-${subtarget}.Linux-x86_64.tar.`;
  const snapshot = `${builder.distro}-imagebuilder-${target}-${subtarget}.Linux-x86_64.tar.`;
  for (const line of sha256sums.split('\n')) {
    const match = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line.trimEnd());
    const [, digest, name] = match ?? [];
    if (!digest || !name) continue;
    const stem = name.startsWith(release) ? release : name.startsWith(snapshot) ? snapshot : undefined;
    if (stem && /^\w+$/.test(name.slice(stem.length))) return { name, digest };
  }
  return undefined;
}
