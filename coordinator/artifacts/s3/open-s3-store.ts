import type { Clock } from '../../../shared/clock.ts';
import { messageOf } from '../../../shared/errors.ts';
import { runLoop } from '../../../shared/lifecycle.ts';
import type { Log } from '../../../shared/log.ts';
import { StagingFolder } from '../staging-folder.ts';
import { Bucket } from './bucket.ts';
import { redirectTo } from './redirect-to.ts';
import { createS3Client } from './s3-client.ts';
import type { S3Settings } from './s3-settings.ts';
import { S3Staging } from './s3-staging.ts';
import { S3Store } from './s3-store.ts';
import { tellFailures } from './tell-failures.ts';

/** How often this coordinator looks for what was left on its own disk, milliseconds. */
const CLEAR_MS = 10 * 60_000;

/**
 * An artifact store in a bucket, which can be read when this returns. Disposing it ends its requests and connections.
 * @param folder of this coordinator, for what is coming in.
 * @throws FarmError `unavailable` when the bucket cannot be listed, with what to do.
 */
export async function openS3Store(
  settings: S3Settings,
  {
    folder,
    clock,
    log,
  }: { readonly folder: string; readonly clock: Clock; readonly log: Pick<Log, 'warn' | 'info'> },
): Promise<AsyncDisposable & { readonly store: S3Store }> {
  const closing = new AbortController();
  const client = createS3Client(settings);
  const { bucket: name, prefix } = settings;
  const bucket = new Bucket({ client, bucket: name, prefix, closing: closing.signal });
  try {
    // One page of what may be empty: tells address, region, bucket and key apart when one of them is wrong.
    await bucket.list('requests/').next();
  } catch (thrown) {
    client.destroy();
    throw thrown;
  }
  tellFailures(client, log);
  const staging = new S3Staging({ bucket, folder: new StagingFolder(folder), clock });
  const redirect = redirectTo(bucket, settings, clock);
  const store = new S3Store({ bucket, staging, clock, ...(redirect ? { redirectTo: redirect } : {}) });
  const clearing = runLoop(
    async () => {
      await staging.clearFolder();
      return CLEAR_MS;
    },
    {
      signal: closing.signal,
      clock,
      backoff: { minMs: 1_000, maxMs: CLEAR_MS },
      onError: (thrown) =>
        log.warn({ reason: messageOf(thrown) }, 'uploads that were left could not be removed'),
    },
  );
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      client.destroy();
      await clearing;
    },
  };
}
