import type { PinnedBuilder } from '../../shared/domain/builder.ts';

/** What the builders may take of a disk. */
export interface DiskLimits {
  /** Most bytes all of them may take together; absent for no limit but the disk. */
  readonly budgetBytes?: number;
  /** Bytes to be kept free on the disk. */
  readonly reserveBytes: number;
}

/** What a disk holds at one moment. */
export interface DiskUse {
  /** What the builders on it take. */
  readonly usedBytes: number;
  readonly freeBytes: number;
}

/** A builder that is to come, or comes now. */
export interface Space {
  /** What it takes for good. */
  readonly sizeBytes: number;
  /** What is still to be written for it, its archive included. */
  readonly growthBytes: number;
}

/** A builder that may be removed. */
export interface Removable extends PinnedBuilder {
  readonly sizeBytes: number;
}

/** What to remove so that a builder fits, or which limit it breaks even if all of it went, by how many bytes. */
export type RoomPlan =
  | { readonly fits: true; readonly remove: readonly Removable[] }
  | { readonly fits: false; readonly limit: 'budget' | 'disk'; readonly lackingBytes: number };

/**
 * The first of `removable`, in its order, that make room for a builder.
 * @param wanted all that is to come: this builder and those under way.
 */
export function planRoom(
  wanted: readonly Space[],
  use: DiskUse,
  limits: DiskLimits,
  removable: readonly Removable[],
): RoomPlan {
  const sum = (part: (space: Space) => number): number =>
    wanted.reduce((total, space) => total + part(space), 0);
  const overBudget = use.usedBytes + sum((space) => space.sizeBytes) - (limits.budgetBytes ?? Infinity);
  const overDisk = sum((space) => space.growthBytes) + limits.reserveBytes - use.freeBytes;
  let lackingBytes = Math.max(overBudget, overDisk);
  const remove: Removable[] = [];
  for (const each of removable) {
    if (lackingBytes <= 0) break;
    remove.push(each);
    lackingBytes -= each.sizeBytes;
  }
  if (lackingBytes <= 0) return { fits: true, remove };
  return { fits: false, limit: overBudget >= overDisk ? 'budget' : 'disk', lackingBytes };
}

/**
 * Most bytes the builders may take, as the farm is told: the budget, or what the disk has for them without the reserve if
 * that is less, for the farm does not know of the reserve. Less than they take when something else filled the disk, so that the farm
 * has some of them removed. `undefined` when neither was set.
 */
export function effectiveBudgetBytes(limits: DiskLimits, use: DiskUse): number | undefined {
  const { budgetBytes, reserveBytes } = limits;
  if (budgetBytes === undefined && reserveBytes === 0) return undefined;
  return Math.min(budgetBytes ?? Infinity, Math.max(0, use.usedBytes + use.freeBytes - reserveBytes));
}
