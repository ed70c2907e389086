import { builderToken, type PinnedBuilder } from '../../../shared/domain/builder.ts';
import type { BenchBuilder } from './bench-builds.ts';

/** Draws builders as people ask for them: the second half as often as the first, the third a third as often, and on (Zipf). */
export class BuilderLottery {
  readonly #builders: readonly BenchBuilder[];
  readonly #upTo: readonly number[];
  readonly #sum: number;

  constructor(builders: readonly BenchBuilder[]) {
    this.#builders = builders;
    let sum = 0;
    this.#upTo = builders.map((_each, at) => {
      sum += 1 / (at + 1);
      return sum;
    });
    this.#sum = sum;
  }

  get mostWanted(): readonly BenchBuilder[] {
    return this.#builders;
  }

  draw(): BenchBuilder {
    const ticket = Math.random() * this.#sum;
    const found = this.#builders[this.#upTo.findIndex((upTo) => ticket < upTo)] ?? this.#builders[0];
    if (!found) throw new Error('there are no builders to draw from');
    return found;
  }

  /** Warm builders of so many agents, `each` for every one: the most wanted, and others as they are wanted. */
  warmSets(agents: number, each: number): readonly (readonly PinnedBuilder[])[] {
    return Array.from({ length: agents }, () => {
      const chosen = new Set(this.#builders.slice(0, 1));
      while (chosen.size < Math.min(each, this.#builders.length)) chosen.add(this.draw());
      return [...chosen].map(({ source }) => ({ builder: builderToken(source), digest: source.digest }));
    });
  }
}
