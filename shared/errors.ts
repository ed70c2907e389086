/** gRPC status codes. Source: grpc, doc/statuscodes.md. Spelt out here so that who needs no gRPC does not load it. */
const status = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** What a failure means to its caller: the HTTP and gRPC status it becomes, and whether trying again can help. */
export interface ErrorCodeMeaning {
  readonly http: number;
  readonly grpc: (typeof status)[keyof typeof status];
  /** `later`: the same call after a while; `other-agent`: the same build on another machine. */
  readonly retry: 'no' | 'later' | 'other-agent';
}

/** The closed list of error codes. */
export const ERROR_CODES = {
  invalid_request: { http: 400, grpc: status.INVALID_ARGUMENT, retry: 'no' },
  not_found: { http: 404, grpc: status.NOT_FOUND, retry: 'no' },
  conflict: { http: 409, grpc: status.ALREADY_EXISTS, retry: 'no' },
  failed_precondition: { http: 412, grpc: status.FAILED_PRECONDITION, retry: 'no' },
  resource_exhausted: { http: 429, grpc: status.RESOURCE_EXHAUSTED, retry: 'later' },
  /** The lease of the attempt is gone: stop, publish nothing. */
  lease_lost: { http: 409, grpc: status.ABORTED, retry: 'no' },
  /** The agent, its disk, a builder or a feed failed; the build itself is not to blame. */
  infrastructure: { http: 500, grpc: status.INTERNAL, retry: 'other-agent' },
  /** A dependency does not answer now. */
  unavailable: { http: 503, grpc: status.UNAVAILABLE, retry: 'later' },
  cancelled: { http: 499, grpc: status.CANCELLED, retry: 'no' },
  /** Unknown; its text is for the log, never for clients. */
  internal: { http: 500, grpc: status.INTERNAL, retry: 'no' },
} as const satisfies Record<string, ErrorCodeMeaning>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface FarmErrorOptions {
  readonly cause?: unknown;
  /** Facts for logs and replies, such as the field or file at fault; never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error type of the farm: a code callers can act on, and a message that says what happened to what. */
export class FarmError extends Error {
  override readonly name = 'FarmError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: FarmErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Any thrown value as a `FarmError`: one of ours unchanged, an abort as `cancelled`, all else as `internal`. */
  static from(thrown: unknown): FarmError {
    if (thrown instanceof FarmError) return thrown;
    if (thrown instanceof Error && thrown.name === 'AbortError') {
      return new FarmError('cancelled', thrown.message, { cause: thrown });
    }
    return new FarmError('internal', messageOf(thrown), { cause: thrown });
  }
}

/** The text of any thrown value. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** True when `thrown` is a `FarmError` of that code. */
export function hasCode(thrown: unknown, code: ErrorCode): boolean {
  return thrown instanceof FarmError && thrown.code === code;
}
