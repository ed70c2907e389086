import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetPath } from '../../../shared/package-root.ts';
import { parseUsignPublicKey, type UsignKeyPair } from '../../../shared/usign.ts';
import { compress } from './compress.ts';
import { imageBuilderConfig } from './imagebuilder-config.ts';
import type { MiniTarget } from './mini-targets.ts';
import type { MiniVersion } from './mini-versions.ts';
import type { PackageFile } from './package-file.ts';
import { publicKeyPem } from './signing-key.ts';
import { type TarEntry, tarball, withDirectories } from './tarball.ts';

/** The ImageBuilder's own files: Makefile and scripts, the same for all versions. */
export const IMAGE_BUILDER_ASSETS: string = assetPath('test/support/upstream/imagebuilder');

/** Packages that come with the ImageBuilder. Real ones: base-files of opkg versions is in a feed. */
const LOCAL_PACKAGES = { apk: ['base-files', 'kernel', 'libc'], opkg: ['kernel', 'libc'] } as const;
const KERNEL_BYTES = 48 * 1024;
const EXECUTABLE = /\.(pl|sh)$/;

/** The archive's name: `openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.zst`; snapshots without the version. */
export function archiveName(version: MiniVersion, target: MiniTarget): string {
  const number = version.version === 'SNAPSHOT' ? '' : `${version.version}-`;
  const stem = `${version.distro ?? 'openwrt'}-imagebuilder-${number}${target.name.replace('/', '-')}.Linux-x86_64`;
  return `${stem}.tar.${version.compression}`;
}

/** A whole ImageBuilder, packed. The same arguments give the same bytes. Needs `xz` and `zstd`. */
export async function buildArchive(
  version: MiniVersion,
  target: MiniTarget,
  packages: readonly PackageFile[],
  key: UsignKeyPair,
): Promise<Buffer> {
  const top = archiveName(version, target).replace(/\.tar\.\w+$/, '');
  const entries = [
    ...(await assetEntries()),
    ...Object.entries(imageBuilderConfig(version, target)).map(([path, data]) => file(path, data)),
    ...kernelEntries(version, target),
    ...localPackages(version, target, packages),
    ...keyEntries(version, key),
    ...hostToolEntries(version),
  ];
  const placed = withDirectories(entries.map((entry) => ({ ...entry, path: `${top}/${entry.path}` })));
  return compress(tarball(placed, version.sourceDateEpoch), version.compression);
}

function file(path: string, data: string | Uint8Array): TarEntry {
  return { path, type: 'file', data, mode: EXECUTABLE.test(path) ? 0o755 : 0o644 };
}

async function assetEntries(): Promise<TarEntry[]> {
  const found = await readdir(IMAGE_BUILDER_ASSETS, { recursive: true, withFileTypes: true });
  const paths = found.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  return Promise.all(
    paths.map(async (path) => file(path.slice(IMAGE_BUILDER_ASSETS.length + 1), await readFile(path))),
  );
}

function kernelEntries(version: MiniVersion, target: MiniTarget): TarEntry[] {
  return target.profiles.map((profile) =>
    file(
      `${kernelFolder(target)}/${profile.id}-kernel.bin`,
      noise(`${version.version} ${profile.id}`, KERNEL_BYTES),
    ),
  );
}

function kernelFolder(target: MiniTarget): string {
  return `build_dir/target-${target.architecture}_musl/linux-${target.name.replace('/', '_')}`;
}

/** Bytes that look random and do not compress, the same for the same seed. */
function noise(seed: string, bytes: number): Buffer {
  return createHash('shake256', { outputLength: bytes }).update(seed).digest();
}

function localPackages(
  version: MiniVersion,
  target: MiniTarget,
  packages: readonly PackageFile[],
): TarEntry[] {
  const folder = version.packageManager === 'apk' ? 'packages' : `${kernelFolder(target)}/packages`;
  const names: readonly string[] = LOCAL_PACKAGES[version.packageManager];
  return packages
    .filter((each) => names.includes(each.name))
    .map((each) => file(`${folder}/${each.fileName}`, each.bytes));
}

/** Keys the ImageBuilder trusts. opkg names a key file by the key's id, apk by anything that ends in `.pem`. */
function keyEntries(version: MiniVersion, key: UsignKeyPair): TarEntry[] {
  if (version.packageManager === 'apk') return [file('keys/openwrt-miniature.pem', publicKeyPem(key))];
  return [file(`keys/${parseUsignPublicKey(key.publicKeyFile).keyId}`, key.publicKeyFile)];
}

function hostToolEntries(version: MiniVersion): TarEntry[] {
  const manager = version.packageManager;
  return [
    {
      path: `staging_dir/host/bin/${manager}`,
      type: 'link',
      target: `../../../scripts/mini-${manager}.pl`,
    },
    { path: 'staging_dir/host/lib', type: 'directory' },
    { path: 'staging_dir/host/lib64', type: 'link', target: 'lib' },
    ...(manager === 'apk' ? [] : [{ path: 'packages', type: 'directory' } as const]),
  ];
}
