import { FarmError, messageOf } from '../../shared/errors.ts';
import { packageVersion } from '../../shared/package-root.ts';

/** Longest time for one answer, milliseconds. */
const ANSWER_MS = 30_000;

/** What a server answered: a JSON object. */
export type AdminAnswer = Readonly<Record<string, unknown>>;

/** A client of one farm's admin API. */
export class AdminClient {
  readonly #server: string;
  readonly #token: string | undefined;

  /** @param server such as `http://127.0.0.1:8080`. */
  constructor(server: string, token: string | undefined) {
    this.#server = server.replace(/\/+$/, '');
    this.#token = token;
  }

  /** @throws FarmError `unavailable` when the server does not answer, else with what it says is wrong. */
  async ask(method: 'GET' | 'POST', path: string, signal: AbortSignal): Promise<AdminAnswer> {
    const response = await this.#fetch(method, path, signal);
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as AdminAnswer;
    if (response.status === 404 && path.startsWith('/api/v1/admin/') && text.includes('"Not Found"')) {
      throw new FarmError(
        'failed_precondition',
        `${this.#server} has no admin API: its coordinator has no --admin-token`,
      );
    }
    throw new FarmError(
      'failed_precondition',
      detailOf(text) ?? `${this.#server} answers ${response.status}`,
    );
  }

  async #fetch(method: string, path: string, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(this.#server + path, {
        method,
        headers: {
          'user-agent': `wrtfarm/${packageVersion()}`,
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
      });
    } catch (cause) {
      const behind = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
      throw new FarmError('unavailable', `${this.#server} does not answer: ${messageOf(behind)}`, { cause });
    }
  }
}

function detailOf(text: string): string | undefined {
  try {
    const { detail } = JSON.parse(text) as { readonly detail?: unknown };
    return typeof detail === 'string' ? detail : undefined;
  } catch {
    return undefined;
  }
}
