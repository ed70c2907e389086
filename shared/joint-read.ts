/**
 * Reads for many at once: whoever asks gets what is read after that, and however many ask while one read is under way share the next.
 * So a thousand that ask together cost two reads, and none of them gets what was read before it asked.
 */
export class JointRead<T> {
  readonly #read: () => Promise<T>;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Rejects as the read does. */
  async get(): Promise<T> {
    if (!this.#running) return await this.#start();
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return await this.#next;
  }

  #start(): Promise<T> {
    const running = this.#read().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
