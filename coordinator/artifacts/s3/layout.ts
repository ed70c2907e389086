/*
 * staging/<attempt key>/<sha256>            what attempts uploaded, whole and verified
 * files/<bin_dir>/<sha256>/<name>           files of a build, of that build alone: they can go with it, whatever else there is
 * builds/<bin_dir>/build.json               a build is finished once it has this
 * requests/<request hash>/<bin_dir>         empty: which builds a request hash has
 */

import type { Artifact } from '../../../shared/domain/artifact.ts';

export const STAGING = 'staging/';
export const FILES = 'files/';
export const BUILDS = 'builds/';

export function stagedPrefix(attemptKey: string): string {
  return `${STAGING}${attemptKey}/`;
}

export function stagedKey(attemptKey: string, artifact: Pick<Artifact, 'sha256'>): string {
  return `${stagedPrefix(attemptKey)}${artifact.sha256}`;
}

export function filesPrefix(binDir: string): string {
  return `${FILES}${binDir}/`;
}

/** Holds both sha256 and name: what two attempts called the same stays apart, and a download from the bucket has its name. */
export function fileKey(binDir: string, { sha256, name }: Pick<Artifact, 'sha256' | 'name'>): string {
  return `${filesPrefix(binDir)}${sha256}/${name}`;
}

export function buildJsonKey(binDir: string): string {
  return `${BUILDS}${binDir}/build.json`;
}

export function markersPrefix(requestHash: string): string {
  return `requests/${requestHash}/`;
}

export function markerKey(requestHash: string, binDir: string): string {
  return `${markersPrefix(requestHash)}${binDir}`;
}

/** The second part of a key: the attempt of what is staged, the build of a file or `build.json`. */
export function ownerOf(key: string): string {
  return key.split('/')[1] ?? '';
}
