import { setImmediate as breathe } from 'node:timers/promises';
import { FarmError, hasCode } from '../../shared/errors.ts';
import type { ClientDocuments } from './client-documents.ts';
import type { OfferedPaths } from './offered-paths.ts';
import { type PublishedProfiles, readPublished } from './published-profiles.ts';
import { ReadyBytes } from './ready-bytes.ts';

/** All targets of a version are asked for again this seldom: there are up to a hundred. Milliseconds. */
const AGE_MS = 600_000;
/** Targets that are read at the same time. */
const PARALLEL = 8;
const MAX_READY_BYTES = 32 * 1024 ** 2;
/** The architecture whose packages stood for all others. Source: asu v0.3.0, janitor.py. */
const PACKAGES_ARCHITECTURE = 'x86_64';
/** Which target a profile that many have means, such as `generic`. */
const USUAL_TARGET = 'x86/64';

interface VersionProfiles {
  readonly targets: readonly (readonly [target: string, published: PublishedProfiles])[];
  /** Why some target could not be read. */
  readonly failure: unknown;
}

/**
 * What the first clients read about a whole version (contract 3: the files that asu v0.3.0's janitor wrote). Undefined for a
 * version that is not offered; FarmError `unavailable` where upstream cannot be read and nothing is cached.
 */
export class VersionDocuments {
  readonly #documents: ClientDocuments;
  readonly #offered: OfferedPaths;
  readonly #ready = new ReadyBytes(MAX_READY_BYTES);

  constructor(documents: ClientDocuments, offered: OfferedPaths) {
    this.#documents = documents;
    this.#offered = offered;
  }

  /** The target that has a profile of this name; undefined when none has. */
  async targetOf(version: string, profile: string): Promise<string | undefined> {
    const { targets, failure } = await this.#read(version);
    const name = profile.replaceAll(',', '_');
    const byId = targets.filter(([, { known }]) => known.profiles.has(name));
    const found = byId.length > 0 ? byId : targets.filter(([, { known }]) => known.aliases.has(name));
    if (found.length === 0 && failure !== undefined) throw failure;
    return (found.find(([target]) => target === USUAL_TARGET) ?? found[0])?.[0];
  }

  /** `profiles-{version}.json`: the target of each profile. */
  async profiles(version: string): Promise<Buffer | undefined> {
    return this.#list(version, 'profiles', (targets) => {
      const ids = targets.flatMap(([target, { known }]) =>
        [...known.profiles.keys()].map((id) => [id, { target }] as const),
      );
      return { profiles: Object.fromEntries(ids) };
    });
  }

  /** `names-{version}.json`: what people call a device, and what it is. */
  async names(version: string): Promise<Buffer | undefined> {
    return this.#list(version, 'names', async (targets) => {
      const models: [string, unknown][] = [];
      for (const [target, published] of targets) {
        models.push(...modelsOf(target, published));
        await breathe();
      }
      return { models: Object.fromEntries(models) };
    });
  }

  /** `packages-{version}.json`: all names, sorted. */
  async packages(version: string): Promise<Buffer | undefined> {
    const architectures = [...(await this.#documents.targets(version)).values()];
    if (architectures.length === 0) return undefined;
    const architecture = architectures.find((each) => each === PACKAGES_ARCHITECTURE) ?? architectures[0];
    const index = await this.#documents.architectureIndex(version, architecture ?? '');
    return this.#ready.get(`${version} packages`, [index], () =>
      Object.keys(JSON.parse(index.toString('utf8')) as object).sort(),
    );
  }

  async #list(
    version: string,
    name: string,
    make: (targets: VersionProfiles['targets']) => object | Promise<object>,
  ): Promise<Buffer | undefined> {
    const { upstreamUrl, pathOf } = await this.#offered.get();
    const { targets, failure } = await this.#read(version);
    const [first] = targets;
    if (!first) {
      if (failure !== undefined) throw failure;
      return undefined;
    }
    const from = targets.map(([, published]) => published);
    return this.#ready.get(`${version} ${name}`, from, async () => ({
      metadata_version: 1,
      target: first[0],
      version_commit: first[1].known.versionCode,
      version_number: version,
      url: `${upstreamUrl}/${pathOf.get(version)}/targets/{target}`,
      ...(await make(targets)),
    }));
  }

  /** Every target of a version that can be read. */
  async #read(version: string): Promise<VersionProfiles> {
    const names = [...(await this.#documents.targets(version)).keys()].sort();
    const found: [string, PublishedProfiles][] = [];
    let failure: unknown;
    const queue = names.values();
    const readSome = async (): Promise<void> => {
      for (const target of queue) {
        try {
          const published = await this.#documents.profiles(version, target, { maxAgeMs: AGE_MS });
          if (published) found.push([target, published]);
        } catch (thrown) {
          if (!hasCode(thrown, 'unavailable')) throw thrown;
          failure = FarmError.from(thrown);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, readSome));
    return { targets: found.sort(([left], [right]) => (left < right ? -1 : 1)), failure };
  }
}

/** `TP-Link Archer C7 v5` → its target, id and images. */
function modelsOf(target: string, published: PublishedProfiles): [string, unknown][] {
  return Object.entries(readPublished(published).profiles).flatMap(([id, { titles, images }]) =>
    titles.map((title): [string, unknown] => {
      const { title: whole, vendor = '', model = '', variant = '' } = title;
      const name = typeof whole === 'string' && whole !== '' ? whole : `${vendor} ${model} ${variant}`.trim();
      return [name, { target, id, images }];
    }),
  );
}
