import { Compile } from 'typebox/compile';
import { BUILD_STATES, isFinal, STAGES } from '../../shared/domain/build.ts';
import { type BuildSpec, BuildSpecSchema, LANES } from '../../shared/domain/build-spec.ts';
import { type BuilderSource, BuilderSourceSchema, builderToken } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import type { BuildRecord } from './build-record.ts';
import { waitingKey } from './keys.ts';

/** Fields of a build's hash that make a record, in the order `RecordReader.read` takes them. */
export const RECORD_FIELDS = [
  'state',
  'generation',
  'lane',
  'source',
  'spec',
  'client',
  'acceptedAt',
  'attempt',
  'stage',
  'isCacheable',
  'answer',
] as const;

/** Builds whose parsed spec is kept for the next poll. */
const MAX_KEPT = 2_000;

const SPEC = Compile(BuildSpecSchema);
const SOURCE = Compile(BuilderSourceSchema);

interface Parsed {
  readonly specText: string;
  readonly spec: BuildSpec;
  readonly sourceText: string;
  readonly source: BuilderSource;
  readonly waitingKey: string;
}

/** Reads builds from Redis' texts. Texts that are as they were are not parsed again: clients ask about a build many times. */
export class RecordReader {
  /** By request hash, in the order of use. */
  readonly #parsed = new Map<string, Parsed>();

  /** The set in which a build waits, if it does; undefined for one that was not read lately. */
  waitingKeyOf(hash: string): string | undefined {
    return this.#parsed.get(hash)?.waitingKey;
  }

  /**
   * @param values of `RECORD_FIELDS`.
   * @returns undefined when there is no such build.
   * @throws FarmError `internal` for what no coordinator has written.
   */
  read(hash: string, values: readonly (string | null)[]): BuildRecord | undefined {
    const [stateText, generation, laneText, sourceText, specText, client, acceptedAt, attempt] = values;
    const [stage, isCacheable, answer] = values.slice(8);
    if (typeof stateText !== 'string') {
      this.#parsed.delete(hash);
      return undefined;
    }
    const state = BUILD_STATES.find((each) => each === stateText);
    const lane = LANES.find((each) => each === laneText);
    if (!state || !lane) throw damaged(hash, 'state or lane');
    const { spec, source } = this.#parse(hash, lane, specText ?? '', sourceText ?? '');
    return {
      requestHash: hash,
      generation: generation ?? '',
      state,
      lane,
      source,
      spec,
      client: client || null,
      acceptedAt: Number(acceptedAt),
      attempt: Number(attempt),
      stage: STAGES.find((each) => each === stage) ?? null,
      position: state === 'queued' ? 0 : null,
      etaMs: null,
      isCacheable: !isFinal(state) || isCacheable === '1',
      answer: isFinal(state) ? (JSON.parse(answer ?? '{}') as Record<string, unknown>) : null,
    };
  }

  #parse(hash: string, lane: string, specText: string, sourceText: string): Parsed {
    const known = this.#parsed.get(hash);
    if (known?.specText === specText && known.sourceText === sourceText) return known;
    const spec: unknown = JSON.parse(specText || 'null');
    const source: unknown = JSON.parse(sourceText || 'null');
    if (!SPEC.Check(spec)) throw damaged(hash, 'spec');
    if (!SOURCE.Check(source)) throw damaged(hash, 'source');
    const key = waitingKey(lane, builderToken(source));
    const parsed: Parsed = { specText, spec, sourceText, source, waitingKey: key };
    this.#parsed.delete(hash);
    this.#parsed.set(hash, parsed);
    for (const oldest of this.#parsed.keys()) {
      if (this.#parsed.size <= MAX_KEPT) break;
      this.#parsed.delete(oldest);
    }
    return parsed;
  }
}

function damaged(hash: string, what: string): FarmError {
  return new FarmError('internal', `build ${hash} in Redis is damaged: ${what} cannot be read`);
}
