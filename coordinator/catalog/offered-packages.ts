import { PACKAGE_PATTERN } from '../../shared/domain/build-spec.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { applyRules, missingAdditions, type PackageRules, type RequestedPackages } from './package-rules.ts';
import type { PackageCatalog } from './packages.ts';
import { suggest } from './suggest.ts';

/** Most unknown packages that are named, and that suggestions are sought for. */
const MAX_NAMED = 50;
const MAX_SUGGESTED = 3;
const PACKAGE = new RegExp(PACKAGE_PATTERN);
/** Names that are held as plain ones; more than any builder has. */
const MAX_PLAIN = 50_000;

/** The packages that one profile of one builder can have, and what becomes of the names that clients have for them. */
export class OfferedPackages {
  readonly #rules: PackageRules;
  readonly #catalog: PackageCatalog | undefined;
  readonly #log: Log;
  /** Names that were found to exist and that no rule touches: nearly all, asked for again and again. */
  readonly #plain = new Set<string>();

  /** @param catalog undefined when upstream does not tell what it has: then only the build can. */
  constructor(rules: PackageRules, catalog: PackageCatalog | undefined, log: Log) {
    this.#rules = rules;
    this.#catalog = catalog;
    this.#log = log;
  }

  /**
   * The packages as they are built in, each fit for make (`PACKAGE_PATTERN`): as the rules have them, known as far as that can
   * be told, and with what rules add.
   * @throws FarmError `invalid_request` with `details.unknownPackages`, the names that upstream does not have.
   */
  async choose(requested: RequestedPackages): Promise<RequestedPackages> {
    return this.#allPlain(requested) ?? (await this.#checked(requested));
  }

  /** The same where feeds that only the client knows may have anything. */
  unchecked(requested: RequestedPackages): RequestedPackages {
    const ruled = this.#ruled(requested);
    return withAdditions(ruled, missingAdditions(this.#rules, ruled.packages));
  }

  #allPlain({ packages, packagesVersions }: RequestedPackages): RequestedPackages | undefined {
    const chosen = new Set<string>();
    for (const name of packages) {
      if (!this.#plain.has(name) && !(name.startsWith('-') && PACKAGE.test(name))) return undefined;
      chosen.add(name);
    }
    const hasAll = this.#rules.added.every((name) => chosen.has(name) || chosen.has(`-${name}`));
    return hasAll ? { packages: [...chosen], packagesVersions } : undefined;
  }

  async #checked(requested: RequestedPackages): Promise<RequestedPackages> {
    const ruled = this.#ruled(requested);
    const additions = missingAdditions(this.#rules, ruled.packages);
    const wanted = ruled.packages.filter((name) => !name.startsWith('-'));
    const known = this.#catalog;
    if (!known) return withAdditions(ruled, additions);
    try {
      const unknown = await known.unknown(wanted);
      if (unknown.length > 0) throw unknownPackages(unknown, [...known.names()]);
      const absent = additions.length > 0 ? await known.unknown(additions) : [];
      this.#hold([...wanted, ...additions.filter((name) => !absent.includes(name))]);
      return withAdditions(
        ruled,
        additions.filter((name) => !absent.includes(name)),
      );
    } catch (thrown) {
      if (!hasCode(thrown, 'unavailable')) throw thrown;
      this.#log.warn({ reason: messageOf(thrown) }, 'packages could not be checked before the build');
      return withAdditions(ruled, additions);
    }
  }

  #ruled(requested: RequestedPackages): RequestedPackages {
    const ruled = applyRules(this.#rules, requested);
    const unfit = ruled.packages.find((name) => !PACKAGE.test(name));
    if (unfit === undefined) return ruled;
    throw new FarmError('invalid_request', `The request cannot be built: ${unfit} cannot be a package`);
  }

  #hold(names: readonly string[]): void {
    if (this.#plain.size + names.length > MAX_PLAIN) this.#plain.clear();
    for (const name of names) if (!this.#rules.touches(name)) this.#plain.add(name);
  }
}

function withAdditions(ruled: RequestedPackages, additions: readonly string[]): RequestedPackages {
  return additions.length === 0 ? ruled : { ...ruled, packages: [...ruled.packages, ...additions] };
}

function unknownPackages(unknown: readonly string[], candidates: readonly string[]): FarmError {
  const named = unknown.slice(0, MAX_NAMED).join(', ');
  const more = unknown.length > MAX_NAMED ? ` and ${unknown.length - MAX_NAMED} more` : '';
  const meant = unknown
    .slice(0, MAX_SUGGESTED)
    .map((name) => suggest(name, candidates))
    .filter((name) => name !== undefined);
  const hint = meant.length > 0 ? ` (did you mean ${[...new Set(meant)].join(', ')}?)` : '';
  return new FarmError('invalid_request', `Unknown package(s): ${named}${more}${hint}`, {
    details: { unknownPackages: unknown },
  });
}
