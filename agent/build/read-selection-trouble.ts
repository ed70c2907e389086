import type { Flavour } from '../builders/warm-builder.ts';

/** Why a selection of packages cannot be installed: sorted names without versions. */
export interface SelectionTrouble {
  /** In no feed. */
  readonly missing: readonly string[];
  /** Exclude each other, or bring the same file. */
  readonly conflicts: readonly string[];
}

/** Reads the package manager's complaints. Both lists are empty when it does not complain of the selection. */
export function readSelectionTrouble(words: string, flavour: Flavour): SelectionTrouble {
  const { missing, conflicts } = flavour === 'apk' ? readApk(words) : readOpkg(words);
  return { missing: [...missing].sort(), conflicts: [...conflicts].sort() };
}

interface Found {
  readonly missing: Set<string>;
  readonly conflicts: Set<string>;
}

/**
 * apk tells of each package in a block:
 *   foo (no such package):            ip-full-6.18.0-r2:
 *     required by: world[foo]           conflicts: ip-tiny-6.18.0-r2[ip=6.18.0-r2]
 *                                       satisfies: world[ip-full]
 * and of file clashes: `ERROR: two-1.0-r1: trying to overwrite etc/x owned by one-1.0-r1.`
 */
function readApk(words: string): Found {
  const found: Found = { missing: new Set(), conflicts: new Set() };
  let current = '';
  for (const line of words.split('\n')) {
    const missing = /^ {2}(\S+) \(no such package\):/.exec(line)?.[1];
    if (missing) found.missing.add(missing);
    if (/^ {2}\S/.test(line)) current = /^ {2}(\S+):$/.exec(line)?.[1] ?? '';
    const others = /^ {4}(?:conflicts|breaks): (.*)$/.exec(line)?.[1];
    if (others !== undefined && current !== '') {
      for (const name of [current, ...others.split(' ')]) addName(found.conflicts, name);
    }
    const [, taker, owner] = /^ERROR: (\S+): trying to overwrite .* owned by (\S+?)\.?$/.exec(line) ?? [];
    for (const name of [taker, owner]) if (name) addName(found.conflicts, name);
  }
  return found;
}

/** `world` is what was asked for, not a package. */
function addName(names: Set<string>, text: string): void {
  const name = withoutVersion(text.replace(/\[.*$/, ''));
  if (name !== '' && name !== 'world') names.add(name);
}

/**
 * `ip-full-6.18.0-r2` is `ip-full`, and `base-files-1663~29397011cc` is `base-files`: a version begins with a digit, holds no
 * dash but that of its release, and without a release some dot or tilde; `foo-2` is a name.
 */
function withoutVersion(text: string): string {
  return /^(.+)-\d[^-]*-r\d+$/.exec(text)?.[1] ?? /^(.+)-\d[^-]*[.~][^-]*$/.exec(text)?.[1] ?? text;
}

/**
 * opkg collects lines ` * <function>: <text>`:
 *   opkg_install_cmd: Cannot install package foo.
 *   pkg_hash_check_unresolved: cannot find dependency dep for foo
 *   check_conflicts_for: The following packages conflict with a:
 *   check_conflicts_for: <tab>b *
 *   check_data_file_clashes: Package two wants to install file <path>
 *   <tab>But that file is already provided by package  * one
 * It says of every package with a trouble that it cannot be installed: where another line tells why, that one counts.
 */
function readOpkg(words: string): Found {
  const found: Found = { missing: new Set(), conflicts: new Set() };
  const explained = new Set<string>();
  for (const [, dependency = '', dependent = ''] of words.matchAll(
    /cannot find dependency (\S+) for (\S+)/g,
  )) {
    found.missing.add(dependency);
    explained.add(dependent);
  }
  for (const [, name = ''] of words.matchAll(/The following packages conflict with (\S+?):$/gm)) {
    found.conflicts.add(name);
  }
  for (const [, list = ''] of words.matchAll(/check_conflicts_for:(?: *\t| {2,})(.*)$/gm)) {
    for (const name of list.split(/[\s*]+/)) if (name !== '') found.conflicts.add(name);
  }
  for (const [, name = ''] of words.matchAll(
    /check_data_file_clashes: Package (\S+) wants to install file/g,
  )) {
    found.conflicts.add(name);
  }
  for (const [, name = ''] of words.matchAll(/already provided by package\s+\*\s+(\S+)/g)) {
    found.conflicts.add(name);
  }
  for (const [, name = ''] of words.matchAll(/opkg_install_cmd: Cannot install package (\S+?)\.?$/gm)) {
    if (!explained.has(name) && !found.conflicts.has(name)) found.missing.add(name);
  }
  return found;
}
