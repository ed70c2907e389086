import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sha256Hex } from '../../../shared/digest.ts';
import type { UsignKeyPair } from '../../../shared/usign.ts';
import type { MiniTarget } from './mini-targets.ts';
import type { MiniVersion } from './mini-versions.ts';
import type { PackageFile } from './package-file.ts';
import { publicKeyPem } from './signing-key.ts';

/** What the packages of a feed have in common. */
export interface FeedContext {
  readonly version: MiniVersion;
  readonly target: MiniTarget;
  readonly key: UsignKeyPair;
}

/** Writes a folder of packages with its indexes: `index.json`, and `packages.adb` or `Packages{,.gz,.sig}`. */
export async function writeFeed(
  folder: string,
  packages: readonly PackageFile[],
  context: FeedContext,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const sorted = [...packages].sort((one, other) => (one.name < other.name ? -1 : 1));
  const index = sorted.map((each) => `${each.stanza}\n\n`).join('');
  const files: Record<string, string | Uint8Array> = {
    'index.json': indexJson(sorted, context),
    ...(context.version.packageManager === 'apk'
      ? { 'packages.adb': signedIndex(index, context.key) }
      : {
          Packages: index,
          'Packages.gz': gzipSync(index),
          'Packages.sig': context.key.sign(Buffer.from(index)),
        }),
    ...Object.fromEntries(
      sorted.filter((each) => !each.spec.missingUpstream).map((each) => [each.fileName, each.bytes]),
    ),
  };
  await Promise.all(Object.entries(files).map(([name, data]) => writeFile(join(folder, name), data)));
}

/** The miniature's own form of `packages.adb`: a line that names the key, an empty line, then the paragraphs of `Packages`. */
function signedIndex(index: string, key: UsignKeyPair): string {
  return `mini-adb 1 signed-by ${sha256Hex(publicKeyPem(key))}\n\n${index}`;
}

/** Source of the two forms: openwrt, scripts/make-index-json.py. */
function indexJson(packages: readonly PackageFile[], { version, target }: FeedContext): string {
  const stripped = version.indexFormat === 2;
  const versions = Object.fromEntries(
    packages.map((each) => [stripped ? each.spec.name : each.name, each.version] as const),
  );
  return JSON.stringify(
    { ...(stripped ? { version: 2 } : {}), architecture: target.architecture, packages: versions },
    undefined,
    2,
  );
}
