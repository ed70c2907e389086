import { type Builder, builderName, builderToken } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { suggest } from '../catalog/suggest.ts';
import type { FarmPictures } from './farm-picture.ts';
import type { PinnedBuilders } from './pinned-builders.ts';

export interface BuilderControlDependencies {
  readonly catalog: Pick<
    Catalog,
    'distros' | 'hasVersion' | 'versionsByBranch' | 'hasTarget' | 'targets' | 'currentSource'
  >;
  readonly pinned: Pick<PinnedBuilders, 'pin' | 'unpin'>;
  /** What is shown of the farm here is to show at once what was done here. */
  readonly farm: Pick<FarmPictures, 'forget'>;
  readonly log: Log;
}

/** What an operator does with single builders. Safe to repeat. */
export class BuilderControl {
  readonly #deps: BuilderControlDependencies;

  constructor(deps: BuilderControlDependencies) {
    this.#deps = deps;
  }

  /**
   * Has the farm keep a builder warm always, whether somebody asks for it or not.
   * @returns whether it was pinned before.
   * @throws FarmError `not_found` when upstream does not offer it, `unavailable` when upstream cannot be asked.
   */
  async pin(builder: Builder): Promise<boolean> {
    const { pinned, farm, log } = this.#deps;
    await this.#checkOffered(builder);
    const isNew = await pinned.pin(builderToken(builder));
    farm.forget();
    log.info({ builder: builderName(builder) }, 'builder was pinned by the operator');
    return !isNew;
  }

  /** Leaves a builder to what is asked for again, also one that upstream offers no longer. @returns whether it was pinned before. */
  async unpin(builder: Builder): Promise<boolean> {
    const { pinned, farm, log } = this.#deps;
    const wasPinned = await pinned.unpin(builderToken(builder));
    farm.forget();
    log.info({ builder: builderName(builder) }, 'builder was unpinned by the operator');
    return wasPinned;
  }

  async #checkOffered(builder: Builder): Promise<void> {
    const { catalog } = this.#deps;
    const { distro, version, target } = builder;
    if (!catalog.distros.includes(distro))
      throw unknown(`This farm does not build the distribution ${distro}`, distro, catalog.distros);
    if (!(await catalog.hasVersion(version, 'recheck', distro))) {
      const versions = [...(await catalog.versionsByBranch(distro)).values()].flat();
      throw unknown(`Upstream has no version ${version}`, version, versions);
    }
    if (!(await catalog.hasTarget(builder, 'recheck'))) {
      const targets = await catalog.targets(distro, version);
      throw unknown(`Upstream has no target ${target} of ${version}`, target, targets);
    }
    // A target may be there before its ImageBuilder is.
    await catalog.currentSource(builder, 'recheck');
  }
}

function unknown(problem: string, given: string, known: Iterable<string>): FarmError {
  const meant = suggest(given, known);
  return new FarmError('not_found', meant === undefined ? problem : `${problem}; did you mean ${meant}?`);
}
