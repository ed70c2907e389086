import { gzipSync } from 'node:zlib';
import { sha256Hex } from '../../../shared/digest.ts';
import type { MiniTarget } from './mini-targets.ts';
import { KERNEL_RELEASE, MINI_VERSIONS, type MiniVersion, vermagic } from './mini-versions.ts';
import type { PackageSpec } from './package-spec.ts';
import { type TarEntry, tarball, withDirectories } from './tarball.ts';

/** A package of one version and target, built. */
export interface PackageFile {
  readonly spec: PackageSpec;
  /** With ABI version: `libncurses6`. */
  readonly name: string;
  /** `6.4-r2`. */
  readonly version: string;
  /** `libncurses6_6.4-r2_x86_64.ipk`, `libncurses6-6.4-r2.apk`. */
  readonly fileName: string;
  readonly bytes: Buffer;
  /** Its paragraph in an index, without the empty line after it. */
  readonly stanza: string;
}

const FILLER_BYTES = 256;

/** Builds a package. The same arguments give the same bytes. */
export function buildPackage(spec: PackageSpec, version: MiniVersion, target: MiniTarget): PackageFile {
  const name = `${spec.name}${spec.abiVersion ?? ''}`;
  const packageVersion = packageVersionOf(spec, version, target.name);
  const architecture = architectureOf(spec, version, target);
  const fields = controlFields(spec, version, target);
  const head = stanza({ Package: name, Version: packageVersion, ...fields, Architecture: architecture });
  const entries: TarEntry[] = [
    { path: 'control', type: 'file', data: `${head}\n` },
    ...(spec.postInstall
      ? [{ path: 'postinst', type: 'file', mode: 0o755, data: spec.postInstall } as const]
      : []),
    ...withDirectories(contents(spec, packageVersion)),
  ];
  const bytes = gzipSync(tarball(entries, version.sourceDateEpoch));
  const fileName =
    version.packageManager === 'apk'
      ? `${name}-${packageVersion}.apk`
      : `${name}_${packageVersion}_${architecture}.ipk`;
  const tail = stanza({
    Filename: fileName,
    Size: String(bytes.length),
    SHA256sum: sha256Hex(bytes),
    Description: `${spec.name}, in miniature`,
  });
  return { spec, name, version: packageVersion, fileName, bytes, stanza: `${head}\n${tail}` };
}

/** The version as this OpenWrt version writes it; releases differ between versions, as packages are bumped. */
export function packageVersionOf(spec: PackageSpec, version: MiniVersion, target: string): string {
  const old = version.indexFormat === 1;
  const kernelRelease = old ? `-${KERNEL_RELEASE}` : `-r${KERNEL_RELEASE}`;
  if (spec.name === 'base-files') {
    return old ? `1553-${version.versionCode}` : `1663~${version.versionCode.replace(/^r\d+-/, '')}`;
  }
  if (spec.name === 'kernel') {
    const magic = vermagic(version, target);
    return old
      ? `${version.kernelVersion}${kernelRelease}-${magic}`
      : `${version.kernelVersion}~${magic}${kernelRelease}`;
  }
  if (spec.version === undefined) return `${version.kernelVersion}${kernelRelease}`;
  const release = MINI_VERSIONS.length - MINI_VERSIONS.indexOf(version);
  if (!old) return `${spec.version}-r${release}`;
  // 23.05 wrote snapshots of a git tree as 2023-11-01-44365eb1.
  return `${spec.version.replace(/^(\d{4})\.(\d\d)\.(\d\d)~/, '$1-$2-$3-').replace('~', '-')}-${release}`;
}

function architectureOf(spec: PackageSpec, version: MiniVersion, target: MiniTarget): string {
  if (spec.architecture !== 'all') return target.architecture;
  return version.packageManager === 'apk' ? 'noarch' : 'all';
}

function controlFields(spec: PackageSpec, version: MiniVersion, target: MiniTarget): Record<string, string> {
  const apk = version.packageManager === 'apk';
  const kernel = packageVersionOf({ name: 'kernel', feed: 'target' }, version, target.name);
  const depends = (spec.depends ?? []).map((name) =>
    name === 'kernel' ? (apk ? `kernel=${kernel}` : `kernel (=${kernel})`) : name,
  );
  const provides = [...(spec.provides ?? []), ...(spec.abiVersion ? [spec.name] : [])].map((name) =>
    apk ? `${name}=${packageVersionOf(spec, version, target.name)}` : name,
  );
  return {
    Depends: depends.join(', '),
    Provides: provides.join(', '),
    Conflicts: apk ? '' : (spec.conflicts ?? []).join(', '),
    ABIVersion: spec.abiVersion ?? '',
  };
}

function stanza(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}

function contents(spec: PackageSpec, packageVersion: string): TarEntry[] {
  const filler = sha256Hex(`${spec.name} ${packageVersion}`).repeat(FILLER_BYTES / 64);
  const files = {
    ...(spec.files ?? { [`usr/share/${spec.name}/about`]: `${spec.name} ${packageVersion}\n${filler}\n` }),
    ...(spec.service === undefined || spec.files?.[`etc/init.d/${spec.name}`]
      ? {}
      : {
          [`etc/init.d/${spec.name}`]: `#!/bin/sh /etc/rc.common\nSTART=${String(spec.service).padStart(2, '0')}\n`,
        }),
  };
  const executable = /^(etc\/init\.d|s?bin|usr\/s?bin)\//;
  return [
    ...Object.entries(files).map(
      ([path, data]): TarEntry => ({
        path: `data/${path}`,
        type: 'file',
        mode: executable.test(path) ? 0o755 : 0o644,
        data,
      }),
    ),
    ...Object.entries(spec.links ?? {}).map(
      ([path, target]): TarEntry => ({ path: `data/${path}`, type: 'link', target }),
    ),
  ];
}
