/** One event of a stream of Server-Sent Events. */
export interface StreamedEvent {
  /** `message` where the stream says none. */
  readonly event: string;
  /** Its lines, with `\n` between them. */
  readonly data: string;
  /** Of the last event that had one, this one included; empty when none had. */
  readonly id: string;
}

/**
 * Makes events of the bytes of a stream of Server-Sent Events, however these are cut. An event that is not whole counts for
 * nothing, so whoever goes on behind the last one's id has lost none and sees none twice. Source: HTML Standard, sections 9.2.5 and 9.2.6.
 */
export class EventStream {
  readonly #decoder = new TextDecoder();
  #rest = '';
  #endedInReturn = false;
  #event = '';
  #data: string[] = [];
  #id: string;
  #retryMs: number | undefined;

  /** @param lastId that of the connection before, if there was one. */
  constructor(lastId = '') {
    this.#id = lastId;
  }

  /** How long the server wants clients to wait before they come back, milliseconds. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /** The events that these bytes complete. */
  push(bytes: Uint8Array): readonly StreamedEvent[] {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return [];
    // A return and a newline are one line end, also when they come apart.
    const fresh = this.#endedInReturn && text.startsWith('\n') ? text.slice(1) : text;
    this.#endedInReturn = fresh.endsWith('\r');
    const lines = (this.#rest + fresh).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => (line === '' ? this.#dispatch() : this.#take(line)));
  }

  #take(line: string): readonly StreamedEvent[] {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/su.exec(line) ?? [];
    if (name === 'event') this.#event = value;
    if (name === 'data') this.#data.push(value);
    if (name === 'id' && !value.includes('\u0000')) this.#id = value;
    if (name === 'retry' && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
    return [];
  }

  #dispatch(): readonly StreamedEvent[] {
    const [event, data] = [this.#event || 'message', this.#data];
    this.#event = '';
    this.#data = [];
    return data.length === 0 ? [] : [{ event, data: data.join('\n'), id: this.#id }];
  }
}
