import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetPath } from '../../../shared/package-root.ts';
import { compress } from './compress.ts';
import { archiveName } from './imagebuilder-archive.ts';
import { imageBuilderConfig } from './imagebuilder-config.ts';
import { type MiniTarget, profileTitle } from './mini-targets.ts';
import type { MiniVersion } from './mini-versions.ts';
import { defaultPackages } from './published-profiles.ts';
import { tarball, withDirectories } from './tarball.ts';

export const LIGHT_ASSETS: string = assetPath('test/support/upstream/imagebuilder-light');
/** Enough that an upload can be cut in its middle. */
const IMAGE_BYTES = 48 * 1024;

/**
 * The archive of an ImageBuilder that installs nothing and is done in 50 to 500 ms, drawn from its packages. Every attempt
 * draws a marker of its own, and everything it leaves bears it: each line of both images, `attempt_marker` of profiles.json, the
 * package `attempt-marker` of the manifest, and the log. `knob-slow-…` and `knob-fail` do what they say.
 */
export async function buildLightArchive(version: MiniVersion, target: MiniTarget): Promise<Buffer> {
  const top = archiveName(version, target).replace(/\.tar\.\w+$/, '');
  const feedList = version.packageManager === 'apk' ? 'repositories' : 'repositories.conf';
  const files: Readonly<Record<string, string>> = {
    ...(await assets()),
    'info.txt': info(version, target),
    'names.sh': names(version, target),
    [feedList]: imageBuilderConfig(version, target)[feedList] ?? '',
  };
  const entries = Object.entries(files).map(
    ([path, data]) => ({ path: `${top}/${path}`, type: 'file', data }) as const,
  );
  return compress(tarball(withDirectories(entries), version.sourceDateEpoch), version.compression);
}

async function assets(): Promise<Record<string, string>> {
  const found = await readdir(LIGHT_ASSETS, { recursive: true, withFileTypes: true });
  const paths = found.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  const read = async (path: string) =>
    [path.slice(LIGHT_ASSETS.length + 1), await readFile(path, 'utf8')] as const;
  return Object.fromEntries(await Promise.all(paths.map(read)));
}

/** What `make info` prints. */
function info(version: MiniVersion, target: MiniTarget): string {
  const profiles = target.profiles.map((profile) =>
    [
      `${profile.id}:`,
      `    ${profileTitle(profile)}`,
      `    Packages: ${profile.devicePackages.join(' ')}`,
      '    hasImageMetadata: 1',
      `    SupportedDevices: ${profile.supportedDevices.join(' ')}`,
      '',
    ].join('\n'),
  );
  return [
    `Current Target: "${target.name}"`,
    `Current Architecture: "${target.cpu}"`,
    `Current Revision: "${version.versionCode}"`,
    `Default Packages: ${defaultPackages(version, target).join(' ')}`,
    'Available Profiles:',
    '',
    ...profiles,
  ].join('\n');
}

/** Variables of `scripts/image.sh`. */
function names(version: MiniVersion, target: MiniTarget): string {
  const variables = {
    target: target.name,
    prefix: `openwrt-${version.version.toLowerCase()}-${target.name.replace('/', '-')}`,
    arch_packages: target.architecture,
    version_code: version.versionCode,
    version_number: version.version,
    source_date_epoch: version.sourceDateEpoch,
    image_bytes: IMAGE_BYTES,
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
