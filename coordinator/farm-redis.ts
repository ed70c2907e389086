import { Command, Redis, ReplyError } from 'ioredis';
import { FarmError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';

/** Redis that does not answer a command for this long is silent, milliseconds. Clients wait no longer. */
const COMMAND_MS = 2_000;
/** First words of what Redis says when it, not the command, is at fault. Source: Redis 7.0, server.c, `createSharedObjects`. */
const NOT_NOW = ['LOADING', 'BUSY', 'OOM', 'MISCONF', 'READONLY', 'MASTERDOWN', 'NOREPLICAS'];

/**
 * A client of Redis whose failures are `FarmError`: `unavailable` where Redis does not answer or can do nothing now. What it says
 * of a command itself stays as it is.
 *
 * Redis that let a command's time pass is taken for silent: from then on commands fail at once, so that nobody waits and nothing
 * piles up, until a PING that is sent all the while is answered. A slow command alone does no harm: its PING is answered.
 */
export class FarmRedis extends Redis {
  readonly #log: Log;
  /** Commands that were seen here before: ioredis sends them anew after it was cut off. */
  readonly #seen = new WeakSet<Command>();
  /** By `performance.now`; undefined while it answers. */
  #silentSince: number | undefined;

  /** Connects with `connect`, and again whenever it is cut off, until `disconnect`. */
  constructor(url: string, log: Log) {
    super(url, {
      lazyConnect: true,
      connectTimeout: 3_000,
      commandTimeout: COMMAND_MS,
      maxRetriesPerRequest: null,
      retryStrategy: (tries) => Math.min(50 * tries, 1_000),
    });
    this.#log = log;
  }

  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    const [command] = args;
    if (this.#seen.has(command)) return super.sendCommand(...args);
    this.#seen.add(command);
    // While it connects, ioredis asks for what it needs itself.
    if (this.#silentSince !== undefined && this.status !== 'connect') {
      command.reject(unavailable(command, 'it has been silent'));
      return command.promise;
    }
    const { reject } = command;
    command.reject = (cause) => {
      if (cause.message === 'Command timed out') this.#fallSilent();
      reject(translate(command, cause));
    };
    return super.sendCommand(...args);
  }

  #fallSilent(): void {
    if (this.#silentSince !== undefined || this.status === 'end') return;
    this.#silentSince = performance.now();
    this.#log.warn({ connection: this.status }, 'Redis does not answer; what needs it fails until it does');
    this.#ask();
  }

  /** Asks until there is an answer, or the connection was closed for good. */
  #ask(): void {
    const ping = new Command('ping');
    this.#seen.add(ping);
    super.sendCommand(ping);
    ping.promise.then(
      () => this.#answered(),
      (thrown: unknown) => {
        if (thrown instanceof ReplyError) this.#answered();
        else if (this.status !== 'end') this.#ask();
      },
    );
  }

  #answered(): void {
    const silentMs = Math.round(performance.now() - (this.#silentSince ?? 0));
    this.#silentSince = undefined;
    this.#log.info({ silentMs }, 'Redis answers again');
  }
}

function translate(command: Command, cause: Error): Error {
  const isNotNow = NOT_NOW.some((word) => cause.message.startsWith(`${word} `));
  if (cause instanceof FarmError || (cause instanceof ReplyError && !isNotNow)) return cause;
  return unavailable(command, cause.message, cause);
}

function unavailable(command: Command, reason: string, cause?: Error): FarmError {
  return new FarmError('unavailable', `Redis did not do ${command.name}: ${reason}`, {
    ...(cause ? { cause } : {}),
    details: { service: 'database' },
  });
}
