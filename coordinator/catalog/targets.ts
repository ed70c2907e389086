import { Type } from 'typebox';
import { TARGET_PATTERN } from '../../shared/domain/builder.ts';
import { branchOf, versionPath } from './branches.ts';
import type { DocumentKind, Documents } from './documents.ts';
import { parseJsonDocument } from './json-document.ts';

/** The targets of a version: package architecture by target, such as `x86/64` → `x86_64`. */
export type Targets = ReadonlyMap<string, string>;

const NO_TARGETS: Targets = new Map();

const TARGETS_JSON: DocumentKind<Targets> = {
  parse: parseTargets,
  maxBytes: 1024 ** 2,
};

/**
 * The targets upstream has built for a version; none when it says nothing about them (a release that is announced but not
 * there yet). Throws `unavailable` when that cannot be read.
 */
export async function readTargets(
  documents: Documents,
  version: string,
  options?: { readonly maxAgeMs?: number },
): Promise<Targets> {
  const branch = branchOf(version, documents.distribution);
  if (!branch) return NO_TARGETS;
  const path = `${versionPath(branch, version)}/.targets.json`;
  return (await documents.read(TARGETS_JSON, path, options)) ?? NO_TARGETS;
}

/** Reads `.targets.json`; throws on anything else. Targets whose names could not be a builder's are left out. */
export function parseTargets(bytes: Buffer): Targets {
  const json = parseJsonDocument(Type.Record(Type.String(), Type.String()), bytes);
  const pattern = new RegExp(TARGET_PATTERN);
  return new Map(Object.entries(json).filter(([target]) => pattern.test(target)));
}
