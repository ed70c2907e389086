import type { Branch, Distribution, PackageRule } from './distribution.ts';

/*
 * What becomes of a request's packages before they are checked, by the distribution's file: its `packageChanges` up to the
 * builder's revision (clients apply the same, some of them only to what is installed), then its `packageRules`. All of it
 * belongs to the request: it changes what is built, so the spec holds the packages as they come out of here, and so do the
 * request hash, the client's echo and the build. Two requests that differ only in old names are one build.
 */

/** The build whose packages are asked for. */
export interface RuledBuild {
  readonly distribution: Distribution;
  readonly branch: Branch;
  readonly target: string;
  readonly profile: string;
  /** `r28959-29397011cc`. */
  readonly versionCode: string;
}

/** The rules that hold for one build, ready to be applied to names. */
export interface PackageRules {
  /** The name that takes the place of another, itself when nothing is known of it, null when it is left out. */
  nameFor(name: string): string | null;
  /** Whether some rule has another name for it, or none: few names are touched at all. */
  touches(name: string): boolean;
  /** Names that are added unless the client has them or leaves them out (`-name`). */
  readonly added: readonly string[];
}

interface Wildcard {
  readonly before: string;
  readonly after: string;
  /** Null drops the name; `*` stands for what the star of the old name stood for. */
  readonly to: string | null;
}

/** A step that one rule takes. */
interface Step {
  readonly exact: ReadonlyMap<string, string | null>;
  readonly wildcards: readonly Wildcard[];
}

/** What holds for a build. */
export function packageRulesFor(build: RuledBuild): PackageRules {
  const rules = build.distribution.packageRules.filter((rule) => applies(rule, build));
  const steps = [stepOfChanges(build), ...rules.map(stepOf)].filter(
    ({ exact, wildcards }) => exact.size > 0 || wildcards.length > 0,
  );
  const exact = new Set(steps.flatMap((step) => [...step.exact.keys()]));
  const wildcards = steps.flatMap((step) => step.wildcards);
  return {
    touches: (name) => exact.has(name) || wildcards.some((wildcard) => fits(wildcard, name)),
    nameFor: (name) => {
      let current: string | null = name;
      for (const step of steps) {
        if (current !== null) current = take(step, current);
      }
      return current;
    },
    added: rules.flatMap((rule) => rule.add ?? []),
  };
}

/** A request's packages, and the versions that some of them must have. */
export interface RequestedPackages {
  /** Each once; those with a leading `-` are to be left out, and no rule touches them. */
  readonly packages: readonly string[];
  /** Of names that no rule changed: nobody knows which version another package should have. */
  readonly packagesVersions: Readonly<Record<string, string>>;
}

/** The packages by their rules, in the order asked for, without the additions. */
export function applyRules(rules: PackageRules, requested: RequestedPackages): RequestedPackages {
  if (!requested.packages.some((name) => rules.touches(name))) {
    return { ...requested, packages: [...new Set(requested.packages)] };
  }
  const packages = new Set<string>();
  const leftOut = new Set(requested.packages.filter((name) => name.startsWith('-')));
  let packagesVersions = requested.packagesVersions;
  for (const name of requested.packages) {
    const ruled = nameIn(rules, leftOut, name);
    if (ruled !== null) packages.add(ruled);
    if (ruled !== name && Object.hasOwn(packagesVersions, name)) {
      const { [name]: _unchecked, ...rest } = packagesVersions;
      packagesVersions = rest;
    }
  }
  return { packages: [...packages], packagesVersions };
}

/** Who leaves out the new package and names the old one wants just that: with the new name there would be neither. */
function nameIn(rules: PackageRules, leftOut: ReadonlySet<string>, name: string): string | null {
  if (name.startsWith('-')) return name;
  const ruled = rules.nameFor(name);
  return ruled !== null && leftOut.has(`-${ruled}`) ? name : ruled;
}

/** The additions that a client neither has nor leaves out. */
export function missingAdditions(rules: PackageRules, packages: readonly string[]): readonly string[] {
  return rules.added.filter((name) => !packages.includes(name) && !packages.includes(`-${name}`));
}

/** The revision in a version code: `r28959-29397011cc` → 28959; undefined when there is none. */
export function revisionOf(versionCode: string): number | undefined {
  const digits = /^r(\d+)/.exec(versionCode)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function applies(rule: PackageRule, { distribution, branch, target, profile }: RuledBuild): boolean {
  const names = distribution.branches.map(({ name }) => name);
  return (
    (rule.branches?.includes(branch.name) ?? true) &&
    (rule.since === undefined || names.indexOf(branch.name) <= names.indexOf(rule.since)) &&
    (rule.targets?.includes(target) ?? true) &&
    (rule.profiles?.includes(profile) ?? true)
  );
}

/** A builder whose revision is not known is of its branch all the same, so what the branch began with holds. */
function stepOfChanges({ branch, versionCode }: RuledBuild): Step {
  const revision = revisionOf(versionCode) ?? branch.branch_off_rev ?? 0;
  const changes = branch.package_changes.filter((change) => change.revision <= revision);
  return { exact: new Map(changes.map(({ source, target }) => [source, target ?? null])), wildcards: [] };
}

function stepOf(rule: PackageRule): Step {
  const changes: [string, string | null][] = [
    ...(rule.drop ?? []).map((name): [string, null] => [name, null]),
    ...Object.entries(rule.rename ?? {}),
  ];
  return {
    exact: new Map(changes.filter(([from]) => !from.includes('*'))),
    wildcards: changes.flatMap(([from, to]) => {
      const [before = '', after] = from.split('*');
      return after === undefined ? [] : [{ before, after, to }];
    }),
  };
}

function take({ exact, wildcards }: Step, name: string): string | null {
  const to = exact.get(name);
  if (to !== undefined) return to;
  const wildcard = wildcards.find((each) => fits(each, name));
  if (!wildcard) return name;
  const starred = name.slice(wildcard.before.length, name.length - wildcard.after.length);
  return wildcard.to === null ? null : wildcard.to.replace('*', () => starred);
}

/** The star stands for one character at least. */
function fits({ before, after }: Wildcard, name: string): boolean {
  return name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after);
}
