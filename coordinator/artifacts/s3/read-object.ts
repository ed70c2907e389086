import { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { Backoff } from '../../../shared/backoff.ts';
import type { Clock } from '../../../shared/clock.ts';
import type { Bucket } from './bucket.ts';
import { isTransient, s3Failure } from './s3-error.ts';

/** Longest time until the endpoint begins to answer, milliseconds; after that, only silence ends a download. */
const ANSWER_MS = 30_000;
/** Tries in a row that bring no byte. */
const TRIES = 3;

/**
 * The bytes of an object that never changes, from `start` to `end`, both included; `end` below `start` for none. Asks for them
 * when it is read from, no faster than they are taken, and goes on where a broken connection stopped. Destroying it ends the request.
 */
export function readObject(
  { bucket, clock }: { readonly bucket: Bucket; readonly clock: Clock },
  key: string,
  { start, end }: { readonly start: number; readonly end: number },
): Readable {
  const destroyed = new AbortController();
  const open = async (from: number): Promise<AsyncIterable<Uint8Array>> => {
    const answered = new AbortController();
    const timer = setTimeout(() => answered.abort(new Error('no answer')), ANSWER_MS);
    try {
      const abortSignal = AbortSignal.any([destroyed.signal, answered.signal]);
      const command = new GetObjectCommand({ ...bucket.target(key), Range: `bytes=${from}-${end}` });
      const { Body } = await bucket.client.send(command, { abortSignal });
      if (!(Body instanceof Readable)) throw new Error('the answer has no body');
      return Body;
    } finally {
      clearTimeout(timer);
    }
  };
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const backoff = new Backoff({ minMs: 100, maxMs: 2_000 });
    let position = start;
    for (let failures = 0; position <= end; ) {
      try {
        for await (const chunk of await open(position)) {
          position += chunk.length;
          failures = 0;
          yield chunk;
        }
        if (position <= end) throw new Error('the answer ended early');
      } catch (thrown) {
        failures += 1;
        if (destroyed.signal.aborted) return;
        if (failures === TRIES || !isTransient(thrown)) throw s3Failure(thrown, `read ${key}`);
        await clock.sleep(backoff.nextMs(), destroyed.signal);
      }
    }
  }
  const source = bytes();
  return new Readable({
    read() {
      source.next().then(
        ({ value }) => this.push(value ?? null),
        (thrown: Error) => this.destroy(thrown),
      );
    },
    // `Readable.from` would first wait for what is asked for now, which may never come.
    destroy(error, callback) {
      destroyed.abort();
      source.return(undefined).then(() => callback(error), callback);
    },
  });
}
