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
  'score',
] as const;

/** Builds whose parsed spec is kept for the next poll. */
const MAX_KEPT = 2_000;
/** Builds of which only the set they wait in is kept: a tenth of a kilobyte each, where a spec takes several. */
const MAX_PLACES = 200_000;
/** Sources whose parsed form is kept: all builds of a builder have the same text. */
const MAX_SOURCES = 1_000;

const SPEC = Compile(BuildSpecSchema);
const SOURCE = Compile(BuilderSourceSchema);

interface Parsed {
  readonly specText: string;
  readonly spec: BuildSpec;
  readonly sourceText: string;
  readonly source: BuilderSource;
}

interface ParsedSource {
  readonly source: BuilderSource;
  readonly token: string;
}

/** Reads builds from Redis' texts. Texts that are as they were are not parsed again: clients ask about a build many times. */
export class RecordReader {
  /** By request hash, in the order of use. */
  readonly #parsed = new Map<string, Parsed>();
  /** Keys of waiting sets by request hash. */
  readonly #places = new Map<string, string>();
  /** By their text. */
  readonly #sources = new Map<string, ParsedSource>();
  /** Each key once, however many builds wait there. */
  readonly #keys = new Map<string, string>();

  /** The set in which a build waits, if it does; undefined for one that was not read lately. */
  waitingKeyOf(hash: string): string | undefined {
    return this.#places.get(hash);
  }

  /**
   * @param values of `RECORD_FIELDS`.
   * @returns undefined when there is no such build.
   * @throws FarmError `internal` for what no coordinator has written.
   */
  read(hash: string, values: readonly (string | null)[]): BuildRecord | undefined {
    const [stateText, generation, laneText, sourceText, specText, client, acceptedAt, attempt] = values;
    const [stage, isCacheable, answer, score] = values.slice(8);
    if (typeof stateText !== 'string') {
      this.#parsed.delete(hash);
      this.#places.delete(hash);
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
      score: state === 'queued' ? Number(score) : null,
      etaMs: null,
      isCacheable: !isFinal(state) || isCacheable === '1',
      answer: isFinal(state) ? (JSON.parse(answer ?? '{}') as Record<string, unknown>) : null,
    };
  }

  #parse(hash: string, lane: string, specText: string, sourceText: string): Parsed {
    const known = this.#parsed.get(hash);
    if (known?.specText === specText && known.sourceText === sourceText) return known;
    const { source, token } = this.#parseSource(hash, sourceText);
    const spec: unknown = JSON.parse(specText || 'null');
    if (!SPEC.Check(spec)) throw damaged(hash, 'spec');
    const parsed: Parsed = { specText, spec, sourceText, source };
    keep(this.#parsed, hash, parsed, MAX_KEPT);
    keep(this.#places, hash, this.#keyOf(lane, token), MAX_PLACES);
    return parsed;
  }

  #parseSource(hash: string, text: string): ParsedSource {
    const known = this.#sources.get(text);
    if (known) return known;
    const source: unknown = JSON.parse(text || 'null');
    if (!SOURCE.Check(source)) throw damaged(hash, 'source');
    const parsed: ParsedSource = { source, token: builderToken(source) };
    keep(this.#sources, text, parsed, MAX_SOURCES);
    return parsed;
  }

  #keyOf(lane: string, token: string): string {
    const key = waitingKey(lane, token);
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    keep(this.#keys, key, key, MAX_SOURCES);
    return key;
  }
}

/** Keeps a value as the newest of at most so many. */
function keep<T>(values: Map<string, T>, name: string, value: T, most: number): void {
  values.delete(name);
  values.set(name, value);
  for (const oldest of values.keys()) {
    if (values.size <= most) break;
    values.delete(oldest);
  }
}

function damaged(hash: string, what: string): FarmError {
  return new FarmError('internal', `build ${hash} in Redis is damaged: ${what} cannot be read`);
}
