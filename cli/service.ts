import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { aborted, watchControlPipe, watchSignals } from './signals.ts';

/** A program that runs until it is told to stop. */
export interface Service {
  readonly log: Log;
  /** Opens everything; closed by `runService`. */
  start(): Promise<StartedService>;
  /** Longest time that closing in good order may take, milliseconds. */
  readonly stopMs: number;
}

export interface StartedService extends AsyncDisposable {
  /** Told on standard output as one line of JSON with `"ready": true`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Settles when the service ended by itself; left out by those that never do. */
  readonly stopped?: Promise<void>;
}

export interface ServiceHost {
  /** Also stop when standard input ends. */
  readonly hasControlPipe: boolean;
  /** Takes the ready line. */
  readonly print: (line: string) => void;
}

/**
 * Runs a service until a signal, the end of the control pipe, or its own end. The first signal closes it in good order;
 * a second one, or `stopMs` gone by, gives up on that.
 * @returns 0 after a close in good order, otherwise 1.
 * @throws what `start` throws.
 */
export async function runService(service: Service, host: ServiceHost): Promise<number> {
  using requests = watchSignals();
  const stop = host.hasControlPipe
    ? AbortSignal.any([requests.stop, watchControlPipe(process.stdin)])
    : requests.stop;
  const starting = service.start();
  const started = await Promise.race([starting, aborted(requests.kill)]);
  if (!started) return 1;
  if (!stop.aborted) host.print(JSON.stringify({ ready: true, ...started.facts }));

  const ownEnd = started.stopped?.then(
    () => 0,
    (thrown: unknown) => {
      service.log.error({ err: thrown }, 'ended by itself');
      return 1;
    },
  );
  const asked = aborted(stop).then(() => 0);
  const code = await (ownEnd ? Promise.race([asked, ownEnd]) : asked);
  service.log.info({}, 'stopping');
  const closed = await close(started, service, requests.kill);
  return closed ? code : 1;
}

async function close(started: StartedService, service: Service, kill: AbortSignal): Promise<boolean> {
  const given = new AbortController();
  try {
    return await Promise.race([
      started[Symbol.asyncDispose]().then(
        () => true,
        (thrown: unknown) => {
          service.log.error({ err: thrown }, `closing failed: ${messageOf(thrown)}`);
          return false;
        },
      ),
      aborted(kill).then(() => false),
      sleep(service.stopMs, false, { signal: given.signal }).catch(() => false),
    ]);
  } finally {
    given.abort();
  }
}
