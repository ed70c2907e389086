/** How far somebody has read the log of a build. */
export interface LogPosition {
  readonly generation: string;
  /** 0 before the first attempt. */
  readonly attempt: number;
  /** Number of the chunk to go on in. */
  readonly chunk: number;
  /** Bytes of that chunk that were read; may be all of them. */
  readonly chunkBytes: number;
  /** Bytes of the attempt's log that were read. */
  readonly bytes: number;
}

const PATTERN = /^([0-9a-f]{32})-(\d{1,9})-(\d{1,9})-(\d{1,9})-(\d{1,12})$/;

export function startOf(generation: string, attempt: number): LogPosition {
  return { generation, attempt, chunk: 0, chunkBytes: 0, bytes: 0 };
}

/** The position so many bytes later in the same chunk. */
export function advance(at: LogPosition, bytes: number): LogPosition {
  return { ...at, chunkBytes: at.chunkBytes + bytes, bytes: at.bytes + bytes };
}

/** As one word, for clients to give back. */
export function formatPosition(at: LogPosition): string {
  return [at.generation, at.attempt, at.chunk, at.chunkBytes, at.bytes].join('-');
}

/** Undefined for what `formatPosition` did not make. Whatever it says is safe to read from. */
export function parsePosition(text: string): LogPosition | undefined {
  const [, generation, ...numbers] = PATTERN.exec(text) ?? [];
  if (generation === undefined) return undefined;
  const [attempt = 0, chunk = 0, chunkBytes = 0, bytes = 0] = numbers.map(Number);
  return { generation, attempt, chunk, chunkBytes, bytes };
}
