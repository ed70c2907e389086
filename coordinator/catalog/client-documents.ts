import type { DocumentKind, Documents } from './documents.ts';
import type { OfferedPaths } from './offered-paths.ts';
import { FEEDS_CONF } from './package-index.ts';
import { INDEX_JSON_LIST, mergeLists, PACKAGES_LIST, type PackageList } from './package-list.ts';
import { resolveProfile } from './profiles.ts';
import { PUBLISHED_PROFILES, type PublishedProfiles, profileJson } from './published-profiles.ts';
import { ReadyBytes } from './ready-bytes.ts';
import { parseTargets, type Targets } from './targets.ts';
import { hasSplitKmods } from './versions.ts';

/** Most bytes of answers that are kept ready. */
const MAX_READY_BYTES = 32 * 1024 ** 2;

const TARGETS: DocumentKind<Targets> = { parse: parseTargets, maxBytes: 1024 ** 2 };
const NOTHING = Buffer.from('{}');

/**
 * What clients read of upstream through this server (contract 2.9), each answer ready as bytes. Only what upstream lists is
 * asked for, so that nobody makes us ask for anything else. Where upstream fails the last good copy is used; with none,
 * methods throw FarmError `unavailable`.
 */
export class ClientDocuments {
  readonly #documents: Pick<Documents, 'read'>;
  readonly #offered: OfferedPaths;
  readonly #ready = new ReadyBytes(MAX_READY_BYTES);

  /** @param documents read as other kinds by nobody else: a path has one form in memory. */
  constructor(documents: Pick<Documents, 'read'>, offered: OfferedPaths) {
    this.#documents = documents;
    this.#offered = offered;
  }

  /** The version whose upstream folder this is; undefined when it is not offered. */
  async versionAt(path: string): Promise<string | undefined> {
    return (await this.#offered.get()).versionOf.get(path);
  }

  /** Package architectures by target; empty when upstream has built none. */
  async targets(version: string): Promise<Targets> {
    const path = (await this.#offered.get()).pathOf.get(version);
    if (!path) return new Map();
    return (await this.#documents.read(TARGETS, `${path}/.targets.json`)) ?? new Map();
  }

  /** The profiles of a target; undefined when upstream has none. */
  async profiles(
    version: string,
    target: string,
    options: { readonly maxAgeMs?: number } = {},
  ): Promise<PublishedProfiles | undefined> {
    const folder = await this.#targetFolder(version, target);
    if (!folder) return undefined;
    return this.#documents.read(PUBLISHED_PROFILES, `${folder}/profiles.json`, options);
  }

  /** One profile with its target's metadata, by id or board name: `{}` for an unknown one, undefined without its target. */
  async profile(version: string, target: string, name: string): Promise<Buffer | undefined> {
    const published = await this.profiles(version, target);
    if (!published) return undefined;
    const id = resolveProfile(published.known, name);
    if (id === undefined) return NOTHING;
    return this.#ready.get(`${version} ${target} ${id}`, [published], () => profileJson(published, id));
  }

  /** The same with `source_date_epoch` as a text, as auc of 2021 reads it. */
  async profileOf2021(version: string, target: string, name: string): Promise<Buffer | undefined> {
    const bytes = await this.profile(version, target, name);
    const profile = bytes && (JSON.parse(bytes.toString('utf8')) as Readonly<Record<string, unknown>>);
    if (profile?.source_date_epoch === undefined) return bytes;
    return Buffer.from(JSON.stringify({ ...profile, source_date_epoch: String(profile.source_date_epoch) }));
  }

  /**
   * `{architecture, packages}` of a target with its kernel modules; `{}` where upstream has nothing, undefined where it has
   * kernel modules but not the packages they belong to.
   */
  async targetIndex(version: string, target: string): Promise<Buffer | undefined> {
    const folder = await this.#targetFolder(version, target);
    if (!folder) return NOTHING;
    const [base, kmods] = await Promise.all([
      this.#list(`${folder}/packages`),
      this.#kmods(folder, version, target),
    ]);
    if (!base) return kmods ? undefined : NOTHING;
    const lists = kmods ? [base, kmods] : [base];
    return this.#ready.get(`${folder} index`, lists, () => mergeLists(lists));
  }

  /** Versions by name over all feeds of an architecture; `{}` where upstream has none. */
  async architectureIndex(version: string, architecture: string): Promise<Buffer> {
    const path = (await this.#offered.get()).pathOf.get(version);
    const isKnown = [...(await this.targets(version)).values()].includes(architecture);
    if (!path || !isKnown) return NOTHING;
    const folder = `${path}/packages/${architecture}`;
    const feeds = await this.#documents.read(FEEDS_CONF, `${folder}/feeds.conf`);
    const lists = await Promise.all((feeds ?? []).map((feed) => this.#list(`${folder}/${feed}`)));
    const there = lists.filter((list) => list !== undefined);
    return this.#ready.get(`${folder} index`, there, () => mergeLists(there).packages);
  }

  async #kmods(folder: string, version: string, target: string): Promise<PackageList | undefined> {
    if (!hasSplitKmods(version)) return undefined;
    const kernel = (await this.profiles(version, target))?.known.kernel;
    return kernel === undefined ? undefined : this.#list(`${folder}/kmods/${kernel}`);
  }

  /** An old `index.json` names packages with their ABI suffix; `Packages` tells which part of a name that is. */
  async #list(folder: string): Promise<PackageList | undefined> {
    const index = await this.#documents.read(INDEX_JSON_LIST, `${folder}/index.json`);
    if (index && index.format >= 2) return index;
    return (await this.#documents.read(PACKAGES_LIST, `${folder}/Packages`)) ?? index;
  }

  async #targetFolder(version: string, target: string): Promise<string | undefined> {
    const path = (await this.#offered.get()).pathOf.get(version);
    if (!path || !(await this.targets(version)).has(target)) return undefined;
    return `${path}/targets/${target}`;
  }
}
