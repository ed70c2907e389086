/** One event of a stream of Server-Sent Events. Source: HTML Standard, section 9.2. */
export interface ServerSentEvent {
  readonly event: string;
  /** None of them holds a line end. */
  readonly lines: readonly string[];
  /** Where a client that comes back wants to go on. */
  readonly id?: string;
}

export function formatEvent({ event, lines, id }: ServerSentEvent): Buffer {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return Buffer.from(`event: ${event}\n${idLine}${lines.map((line) => `data: ${line}\n`).join('')}\n`);
}

/** Something that clients pass over: shows them, and proxies, that the line is alive. */
export const HEARTBEAT = ': \n\n';

/** How long clients wait before they come back, milliseconds. */
export function formatRetry(retryMs: number): Buffer {
  return Buffer.from(`retry: ${retryMs}\n\n`);
}
