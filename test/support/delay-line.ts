import type { Socket } from 'node:net';

/** Bytes one line holds before it reads no more, as buffers of a real path would: 100 ms of 10 Gbit/s. */
const MAX_UNDER_WAY_BYTES = 128 * 1024 * 1024;

/** How a line carries bytes. */
export interface LineQuality {
  /** How long bytes take, milliseconds. Default 0. */
  readonly delayMs?: number;
  /** Default: no limit. */
  readonly bytesPerSecond?: number;
}

export interface DelayLineOptions {
  /** As it is now: it may change. */
  readonly quality: () => LineQuality;
  readonly isFrozen: boolean;
  readonly onPassed: (bytes: number) => void;
}

/** One direction of a connection: what comes in at one end comes out at the other after a while, the end of the stream too. */
export class DelayLine {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #options: DelayLineOptions;
  /** In order; no bytes mean the end. */
  readonly #underWay: { readonly bytes: Buffer | undefined; readonly dueMs: number }[] = [];
  #underWayBytes = 0;
  /** When the line is free for the next bytes. */
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isFrozen: boolean;
  #isFull = false;

  constructor(from: Socket, to: Socket, options: DelayLineOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
    this.#isFrozen = options.isFrozen;
    from.on('data', (bytes) => this.#take(bytes));
    from.on('end', () => this.#take(undefined));
    to.on('drain', () => {
      this.#isFull = false;
      this.#pass();
    });
    to.on('close', () => clearTimeout(this.#timer));
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#pass();
  }

  #take(bytes: Buffer | undefined): void {
    const { delayMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY } = this.#options.quality();
    const sentMs =
      Math.max(performance.now(), this.#freeMs) + ((bytes?.length ?? 0) / bytesPerSecond) * 1_000;
    this.#freeMs = sentMs;
    this.#underWay.push({ bytes, dueMs: sentMs + delayMs });
    this.#underWayBytes += bytes?.length ?? 0;
    if (this.#underWayBytes >= MAX_UNDER_WAY_BYTES) this.#from.pause();
    this.#pass();
  }

  /** Lets out what is due and comes back for the rest. */
  #pass(): void {
    clearTimeout(this.#timer);
    if (this.#to.destroyed) return;
    for (let [next] = this.#underWay; next && !this.#isFrozen && !this.#isFull; [next] = this.#underWay) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pass(), waitMs);
        return;
      }
      this.#underWay.shift();
      this.#passOne(next.bytes);
    }
  }

  #passOne(bytes: Buffer | undefined): void {
    if (!bytes) {
      this.#to.end();
      return;
    }
    this.#isFull = !this.#to.write(bytes);
    this.#options.onPassed(bytes.length);
    this.#underWayBytes -= bytes.length;
    if (this.#underWayBytes < MAX_UNDER_WAY_BYTES) this.#from.resume();
  }
}
