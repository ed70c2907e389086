import { FarmError } from '../../shared/errors.ts';

/** One entry of a 422 body, in the form pydantic gives it (contract 2.3). */
export interface FieldProblem {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: unknown;
  readonly ctx?: Readonly<Record<string, unknown>>;
}

/** Most problems of one request that are told; a hostile body could hold a million. */
const MAX_PROBLEMS = 100;
/** Longest text of a client that is sent back, characters. */
const MAX_ECHO = 200;
const MAX_ECHO_DEPTH = 4;
const MAX_ECHO_ITEMS = 20;

/** Collects what is wrong with a request. */
export class FieldProblems {
  readonly #problems: FieldProblem[] = [];
  readonly #place: 'body' | 'query';

  constructor(place: 'body' | 'query' = 'body') {
    this.#place = place;
  }

  /** `input` is shortened for the echo. */
  add(
    type: string,
    loc: readonly (string | number)[],
    msg: string,
    input: unknown,
    ctx?: Readonly<Record<string, unknown>>,
  ): undefined {
    if (this.#problems.length >= MAX_PROBLEMS) return undefined;
    const shortLoc = [this.#place, ...loc].map((part) => (typeof part === 'string' ? shorten(part) : part));
    this.#problems.push({ type, loc: shortLoc, msg, input: echoOf(input), ...(ctx ? { ctx } : {}) });
    return undefined;
  }

  /** Throws an error that becomes a 422 with these problems as its `detail`, when there are any. */
  throwIfAny(): void {
    if (this.#problems.length > 0) throw this.#error();
  }

  /** Adds a last problem and throws. */
  fail(...problem: Parameters<FieldProblems['add']>): never {
    this.add(...problem);
    throw this.#error();
  }

  #error(): FarmError {
    return new FarmError('invalid_request', this.#problems[0]?.msg ?? 'not valid', {
      details: { problems: this.#problems },
    });
  }
}

/** A client's value as it may be sent back: short, shallow, and without the first-boot script. */
export function echoOf(value: unknown): unknown {
  const echo = previewOf(value, MAX_ECHO_DEPTH);
  if (typeof echo !== 'object') return echo;
  const text = JSON.stringify(echo);
  return text.length <= MAX_ECHO ? echo : shorten(text);
}

function previewOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return shorten(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) {
    return value.slice(0, MAX_ECHO_ITEMS).map((item) => previewOf(item, depth - 1));
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_ECHO_ITEMS)
      .map(([key, item]) => [shorten(key), key === 'defaults' ? '[hidden]' : previewOf(item, depth - 1)]),
  );
}

function shorten(text: string): string {
  return text.length <= MAX_ECHO ? text : `${text.slice(0, MAX_ECHO).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
