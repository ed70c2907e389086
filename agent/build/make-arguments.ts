import { sha256Hex } from '../../shared/digest.ts';
import {
  type BuildSpec,
  FILESYSTEMS,
  MAX_PACKAGES_BYTES,
  PACKAGE_PATTERN,
  PROFILE_PATTERN,
} from '../../shared/domain/build-spec.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { FarmError } from '../../shared/errors.ts';
import { INSIDE } from '../sandbox/sandbox.ts';
import type { BuilderInfo } from './builder-info.ts';

/** An argument vector; its first element is the program. */
export type Command = readonly [string, ...string[]];

/**
 * The value of PACKAGES, one name each. With `diffPackages` every default and device package that was not asked for is
 * taken away first, sorted, because clients send the whole list of what they want (asu, `diff_packages`).
 */
export function packagesToInstall(spec: BuildSpec, info: BuilderInfo): readonly string[] {
  if (!spec.diffPackages) return spec.packages;
  const requested = new Set(spec.packages);
  const profile = Object.hasOwn(info.profiles, spec.profile) ? info.profiles[spec.profile] : undefined;
  // A device takes packages away by a leading dash: those are not in the image anyway.
  const present = [...info.defaultPackages, ...(profile?.packages ?? [])].filter(
    (name) => !name.startsWith('-'),
  );
  const unwanted = [...new Set(present)].filter((name) => !requested.has(name)).sort();
  return [...unwanted.map((name) => `-${name}`), ...spec.packages];
}

/** `make manifest`: what would be installed, by ABI-free name. Throws FarmError `invalid_request` as `makeImage` does. */
export function makeManifest(spec: BuildSpec, packages: readonly string[]): Command {
  return ['make', 'manifest', ...selection(spec, packages), 'STRIP_ABI=1'];
}

/**
 * `make image`. The values of a spec were checked before; make expands them and pastes them into shell lines, so that they
 * are checked here once more, against patterns that hold nothing make or a shell reads.
 * @throws FarmError `invalid_request` for a value that is not plain.
 */
export function makeImage(spec: BuildSpec, packages: readonly string[], manifest: Manifest): Command {
  const argv: [string, ...string[]] = [
    'make',
    'image',
    ...selection(spec, packages),
    `EXTRA_IMAGE_NAME=${manifestHash(manifest).slice(0, 12)}`,
    `BIN_DIR=${INSIDE.out}`,
  ];
  if (spec.defaults !== null) argv.push(`FILES=${INSIDE.files}`);
  if (spec.rootfsSizeMb !== null) {
    if (!Number.isSafeInteger(spec.rootfsSizeMb) || spec.rootfsSizeMb < 1) {
      throw refused('rootfs size', String(spec.rootfsSizeMb));
    }
    argv.push(`ROOTFS_PARTSIZE=${spec.rootfsSizeMb}`);
  }
  if (spec.filesystem !== null) {
    if (!FILESYSTEMS.includes(spec.filesystem)) throw refused('filesystem', spec.filesystem);
    argv.push(`ROOTFS_FILESYSTEM=${spec.filesystem}`);
  }
  return argv;
}

/** The sha256 of a manifest: over its `name - version` lines, sorted by name, so that the printed order does not matter. */
export function manifestHash(manifest: Manifest): string {
  return sha256Hex(
    Object.keys(manifest)
      .sort()
      .map((name) => `${name} - ${manifest[name]}\n`)
      .join(''),
  );
}

function selection(spec: BuildSpec, packages: readonly string[]): string[] {
  if (!new RegExp(PROFILE_PATTERN).test(spec.profile)) throw refused('profile', spec.profile);
  const pattern = new RegExp(PACKAGE_PATTERN);
  for (const name of packages) if (!pattern.test(name)) throw refused('package', name);
  const value = packages.join(' ');
  if (value.length > MAX_PACKAGES_BYTES) throw refused('list of packages', `${value.length} bytes long`);
  return [`PROFILE=${spec.profile}`, `PACKAGES=${value}`];
}

function refused(what: string, value: string): FarmError {
  return new FarmError(
    'invalid_request',
    `${JSON.stringify(value.slice(0, 200))} is no ${what} that make may be given`,
  );
}
