import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What an ailing mirror does: `status-500` and `not-found` answer so; `html` answers 200 with a page, as captive portals do;
 * `truncate` cuts the connection in the middle of the body; `corrupt` changes one byte; `hang` never answers; `slow` trickles the body
 * over about two seconds; `reset` cuts the connection before any answer.
 */
export type FaultKind =
  | 'status-500'
  | 'not-found'
  | 'html'
  | 'truncate'
  | 'corrupt'
  | 'hang'
  | 'slow'
  | 'reset';

export interface FaultOptions {
  /** Requests it strikes before it is over; default: until cleared. */
  readonly times?: number;
}

/** The faults a server is asked to show, by path. The one set last wins. */
export class UpstreamFaults {
  #faults: { readonly pattern: RegExp; readonly kind: FaultKind; left: number }[] = [];

  add(pattern: RegExp, kind: FaultKind, options: FaultOptions = {}): void {
    this.#faults.unshift({ pattern, kind, left: options.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#faults = [];
  }

  /** The fault that strikes a request for this path, counted as used. */
  strike(path: string): FaultKind | undefined {
    const fault = this.#faults.find((each) => each.left > 0 && path.search(each.pattern) >= 0);
    if (fault) fault.left -= 1;
    return fault?.kind;
  }
}

const SLOW_STEPS = 20;
const SLOW_STEP_MS = 100;

/** Ends a response, whose head is set but not sent, as the fault has it. `body` is what a healthy one would hold. */
export async function respondFaulty(response: ServerResponse, kind: FaultKind, body: Buffer): Promise<void> {
  switch (kind) {
    case 'status-500':
      response.writeHead(500, { 'content-type': 'text/plain' }).end('Internal Server Error\n');
      return;
    case 'not-found':
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Not Found\n');
      return;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><title>Welcome</title><p>Please sign in to use this network.\n');
      return;
    case 'truncate':
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
      return;
    case 'corrupt':
      response.writeHead(200, { 'content-length': body.length }).end(withOneByteChanged(body));
      return;
    case 'hang':
      return;
    case 'reset':
      response.destroy();
      return;
    case 'slow':
      return trickle(response, body);
  }
}

function withOneByteChanged(body: Buffer): Buffer {
  const changed = Buffer.from(body);
  const middle = Math.floor(changed.length / 2);
  changed[middle] = (changed[middle] ?? 0) ^ 0xff;
  return changed;
}

async function trickle(response: ServerResponse, body: Buffer): Promise<void> {
  response.writeHead(200, { 'content-length': body.length });
  const step = Math.ceil(body.length / SLOW_STEPS);
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    response.write(body.subarray(at, at + step));
    await sleep(SLOW_STEP_MS);
  }
  response.end();
}
