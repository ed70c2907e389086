/** One event as a client gets it. Source: HTML Standard, section 9.2.6. */
export interface ReadEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** A stream of Server-Sent Events, read as `EventSource` does. */
export class EventReader {
  readonly response: Response;
  /** Id of the last event that had one. */
  lastId = '';
  readonly #gone: AbortController;
  readonly #events: AsyncGenerator<ReadEvent>;

  private constructor(response: Response, gone: AbortController) {
    this.response = response;
    this.#gone = gone;
    this.#events = this.#read();
  }

  static async open(url: string, lastEventId?: string): Promise<EventReader> {
    const gone = new AbortController();
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    return new EventReader(await fetch(url, { headers, signal: gone.signal }), gone);
  }

  /** The next event; undefined at the end of the stream, however it came. */
  async next(): Promise<ReadEvent | undefined> {
    const { value } = await this.#events.next();
    return (value as ReadEvent | undefined) ?? undefined;
  }

  /** Reads on to the first event that is wanted, and returns all on the way. Throws when the stream ends before. */
  async until(isWanted: (event: ReadEvent) => boolean): Promise<readonly ReadEvent[]> {
    const read: ReadEvent[] = [];
    for (;;) {
      const event = await this.next();
      if (!event) throw new Error(`the stream ended after ${JSON.stringify(read.at(-1))}`);
      read.push(event);
      if (isWanted(event)) return read;
    }
  }

  close(): void {
    this.#gone.abort();
  }

  async *#read(): AsyncGenerator<ReadEvent> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const bytes of this.response.body ?? []) {
        text += decoder.decode(bytes, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          const event = this.#parse(block.split('\n'));
          if (event) yield event;
        }
      }
    } catch {
      // Cut off, as lines are.
    }
  }

  #parse(lines: readonly string[]): ReadEvent | undefined {
    const field = (name: string): string[] =>
      lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
    this.lastId = field('id')[0] ?? this.lastId;
    const data = field('data');
    if (data.length === 0) return undefined;
    return { event: field('event')[0] ?? 'message', id: this.lastId, data: data.join('\n') };
  }
}

/** The lines of the log among events. */
export function logLines(events: readonly ReadEvent[]): readonly string[] {
  return events.filter(({ event }) => event === 'log').flatMap(({ data }) => data.split('\n'));
}
