import {
  type BuilderSource,
  builderName,
  builderToken,
  type PinnedBuilder,
} from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import { byteSizeText } from '../byte-size.ts';
import { estimateSizeBytes } from './estimate-size.ts';
import type { FetchRoom } from './fetch-builder.ts';
import { type DiskLimits, type DiskUse, effectiveBudgetBytes, planRoom, type Space } from './plan-room.ts';

/** A builder on disk, as far as room is concerned. */
export interface HeldBuilder extends PinnedBuilder {
  readonly sizeBytes: number;
  readonly archiveBytes?: number;
  readonly isInUse: boolean;
}

export interface DiskRoomDependencies {
  /** All builders on disk. */
  readonly held: () => readonly HeldBuilder[];
  readonly freeBytes: () => Promise<number>;
  /** Removes a builder, unless it came into use meanwhile. Settles when its bytes are free again. */
  readonly remove: (pinned: PinnedBuilder) => Promise<void>;
}

/** Room for one builder, kept for it until disposed of. */
export interface RoomClaim extends FetchRoom, Disposable {}

/**
 * Keeps builders within the limits of the disk. A builder's size is known only when it is unpacked: before, room is made
 * for an estimate, see `estimateSizeBytes`; after, for what it really takes. Room is given to one builder at a time.
 */
export class DiskRoom {
  readonly #deps: DiskRoomDependencies;
  readonly #limits: DiskLimits;
  readonly #claims = new Set<Space>();
  /** What a builder took when it was unpacked last, by token. */
  readonly #lastSizes = new Map<string, number>();
  #turn: Promise<void> = Promise.resolve();

  constructor(deps: DiskRoomDependencies, limits: DiskLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /** As told in pulls, see `effectiveBudgetBytes`. */
  budgetBytes(freeBytes: number): number | undefined {
    return effectiveBudgetBytes(this.#limits, { freeBytes, usedBytes: this.#usedBytes() });
  }

  /** @param evictable all that may be removed for it, in this order; what is in use stays. */
  claim(source: BuilderSource, evictable: readonly PinnedBuilder[]): RoomClaim {
    const token = builderToken(source);
    let claim: Space | undefined;
    const take = async (space: Space): Promise<void> => {
      await this.#inTurn(async () => {
        if (claim) this.#claims.delete(claim);
        claim = undefined;
        await this.#makeRoom(source, space, evictable);
        claim = space;
        this.#claims.add(space);
      });
    };
    return {
      beforeFetch: async (archiveBytes) => {
        const held = this.#deps.held();
        const last =
          this.#lastSizes.get(token) ?? held.findLast(({ builder }) => builder === token)?.sizeBytes;
        const sizeBytes = estimateSizeBytes(last, archiveBytes, held);
        await take({ sizeBytes, growthBytes: sizeBytes + (archiveBytes ?? 0) });
      },
      afterUnpack: async (sizeBytes) => {
        this.#lastSizes.set(token, sizeBytes);
        await take({ sizeBytes, growthBytes: 0 });
      },
      [Symbol.dispose]: () => {
        if (claim) this.#claims.delete(claim);
      },
    };
  }

  /**
   * Removes builders until the rest is within the limits again, as when something else filled the disk.
   * @param evictable all that may go, in this order; what is in use stays.
   */
  async shrink(evictable: readonly PinnedBuilder[]): Promise<void> {
    await this.#inTurn(async () => {
      for (const each of evictable) {
        const use: DiskUse = { usedBytes: this.#usedBytes(), freeBytes: await this.#deps.freeBytes() };
        const plan = planRoom([...this.#claims], use, this.#limits, []);
        if (plan.fits) return;
        if (this.#unused([each]).length > 0) await this.#deps.remove(each);
      }
    });
  }

  async #makeRoom(source: BuilderSource, space: Space, evictable: readonly PinnedBuilder[]): Promise<void> {
    let tried = 0;
    for (;;) {
      const use: DiskUse = { usedBytes: this.#usedBytes(), freeBytes: await this.#deps.freeBytes() };
      const removable = this.#unused(evictable.slice(tried));
      const plan = planRoom([space, ...this.#claims], use, this.#limits, removable);
      if (!plan.fits) throw this.#refusal(source, space, plan);
      const [first] = plan.remove;
      if (!first) return;
      tried = evictable.findIndex((each) => isSame(each, first)) + 1;
      await this.#deps.remove(first);
    }
  }

  #unused(evictable: readonly PinnedBuilder[]): readonly HeldBuilder[] {
    const held = this.#deps.held();
    return evictable.flatMap((each) => held.filter((one) => isSame(one, each) && !one.isInUse));
  }

  #usedBytes(): number {
    return this.#deps.held().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  #refusal(
    source: BuilderSource,
    { sizeBytes }: Space,
    { limit, lackingBytes }: { readonly limit: 'budget' | 'disk'; readonly lackingBytes: number },
  ): FarmError {
    const { budgetBytes = 0, reserveBytes } = this.#limits;
    const what =
      limit === 'budget'
        ? `in the disk budget of ${byteSizeText(budgetBytes)}`
        : `on the disk, of which ${byteSizeText(reserveBytes)} are kept free`;
    return new FarmError(
      'infrastructure',
      `${builderName(source)} takes about ${byteSizeText(sizeBytes)} and does not fit ${what}: ` +
        `${byteSizeText(lackingBytes)} are lacking, whatever may be removed`,
      { details: { breakage: 'disk', limit, lackingBytes } },
    );
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    await mine;
  }
}

function isSame(one: PinnedBuilder, other: PinnedBuilder): boolean {
  return one.builder === other.builder && one.digest === other.digest;
}
