import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** What a server is asked, over and over. */
export interface LoadPlan {
  readonly port: number;
  /** Whole HTTP requests, base64; each connection takes the next one. `COUNTER` in one becomes a number that never comes again. */
  readonly requests: readonly string[];
  /** Status that every answer must have. */
  readonly status: number;
  readonly connections: number;
  readonly durationMs: number;
}

/** Eight characters that a request may hold once. */
export const COUNTER = '########';

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The body of the last answer, base64: that of two servers must be the same. */
  readonly body: string;
}

interface Shared {
  readonly requests: readonly { readonly bytes: Buffer; readonly counterAt: number }[];
  readonly expected: Buffer;
  readonly latencies: number[];
  next: number;
  until: number;
  body: Buffer;
}

/**
 * Keeps so many connections busy, one request at a time on each, and measures. Speaks just enough HTTP to be much cheaper than
 * what it measures. Rejects when an answer has another status or no length.
 */
export async function load(plan: LoadPlan): Promise<LoadResult> {
  const shared: Shared = {
    requests: plan.requests.map((text) => {
      const bytes = Buffer.from(text, 'base64');
      return { bytes, counterAt: bytes.indexOf(COUNTER) };
    }),
    expected: Buffer.from(`HTTP/1.1 ${plan.status} `),
    latencies: [],
    next: Math.floor(Math.random() * 50_000_000),
    until: performance.now() + plan.durationMs,
    body: Buffer.alloc(0),
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: plan.connections }, () => keepBusy(plan.port, shared)));
  const seconds = (performance.now() - startedAt) / 1000;
  const sorted = Float64Array.from(shared.latencies).sort();
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return {
    perSecond: sorted.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    body: shared.body.toString('base64'),
  };
}

async function keepBusy(port: number, shared: Shared): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the server hung up')));
      socket.once('connect', () => drive(socket, shared, resolve, reject));
    });
  } finally {
    socket.destroy();
  }
}

function drive(socket: Socket, shared: Shared, done: () => void, fail: (cause: Error) => void): void {
  let sentAt = 0;
  let pending: Buffer | undefined;
  /** Bytes of the whole answer; the same each time, as only the date in it changes. */
  let length = 0;
  const send = (): void => {
    if (performance.now() >= shared.until) {
      done();
      return;
    }
    const request = nextRequest(shared);
    sentAt = performance.now();
    socket.write(request);
  };
  socket.on('data', (piece: Buffer) => {
    const answer = pending ? Buffer.concat([pending, piece]) : piece;
    const whole = length > 0 && answer.length === length ? length : lengthOf(answer);
    if (whole === undefined || answer.length < whole) {
      pending = answer;
      return;
    }
    pending = undefined;
    length = whole;
    if (shared.expected.compare(answer, 0, shared.expected.length) !== 0) {
      fail(new Error(`unexpected answer: ${answer.toString('utf8', 0, 300)}`));
      return;
    }
    shared.latencies.push(performance.now() - sentAt);
    if (performance.now() >= shared.until) shared.body = Buffer.from(bodyOf(answer));
    send();
  });
  send();
}

function nextRequest(shared: Shared): Buffer {
  const { requests, next } = shared;
  shared.next += 1;
  const { bytes, counterAt } = requests[next % requests.length] ?? { bytes: Buffer.alloc(0), counterAt: -1 };
  if (counterAt < 0) return bytes;
  const copy = Buffer.from(bytes);
  copy.write(String(next % 100_000_000).padStart(COUNTER.length, '0'), counterAt, 'latin1');
  return copy;
}

function lengthOf(answer: Buffer): number | undefined {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.toString('latin1', 0, end + 2))?.[1];
  if (length === undefined)
    throw new Error(`an answer without a length: ${answer.toString('latin1', 0, end)}`);
  return end + 4 + Number(length);
}

function bodyOf(answer: Buffer): Buffer {
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4);
}
