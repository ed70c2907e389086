import type { Manifest } from '../../shared/domain/manifest.ts';

/** How a manifest differs from what was asked for, in the words clients know (asu, `check_manifest`). */
export interface ManifestMismatch {
  readonly failure: 'package_selection' | 'package_version';
  readonly reason: string;
}

/**
 * Checks that each package a client gave a version for is installed, in exactly that version. Packages without a version
 * are not looked for: they may be there under the name of what provides them.
 */
export function checkManifest(
  manifest: Manifest,
  packagesVersions: Readonly<Record<string, string>>,
): ManifestMismatch | undefined {
  for (const [name, wanted] of Object.entries(packagesVersions)) {
    const installed = Object.hasOwn(manifest, name) ? manifest[name] : undefined;
    if (installed === undefined) {
      return {
        failure: 'package_selection',
        reason: `Impossible package selection: ${name} not in manifest`,
      };
    }
    if (installed !== wanted) {
      return {
        failure: 'package_version',
        reason: `Impossible package selection: ${name} version not as requested: ${wanted} vs. ${installed}`,
      };
    }
  }
  return undefined;
}
