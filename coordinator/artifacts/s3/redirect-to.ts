import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Clock } from '../../../shared/clock.ts';
import type { Bucket } from './bucket.ts';
import { s3Failure } from './s3-error.ts';
import type { S3Settings } from './s3-settings.ts';

/** How long a URL that was given to a client is good, seconds; as with asu (contract 2.10). */
const GOOD_FOR_S = 3_600;

/** Where clients fetch an object themselves; undefined where the coordinator serves it. */
export function redirectTo(
  bucket: Bucket,
  { redirect, prefix }: Pick<S3Settings, 'redirect' | 'prefix'>,
  clock: Pick<Clock, 'now'>,
): ((key: string, name: string) => Promise<string>) | undefined {
  if (redirect === 'none') return undefined;
  if (redirect !== 'presigned') {
    const base = redirect.publicUrl.replace(/\/+$/, '');
    return async (key) => `${base}/${`${prefix}${key}`.split('/').map(encodeURIComponent).join('/')}`;
  }
  return async (key, name) => {
    const command = new GetObjectCommand({
      ...bucket.target(key),
      ResponseContentType: 'application/octet-stream',
      ResponseContentDisposition: `attachment; filename="${name}"`,
    });
    return await getSignedUrl(bucket.client, command, {
      expiresIn: GOOD_FOR_S,
      signingDate: new Date(clock.now()),
    }).catch((thrown: unknown) => {
      throw s3Failure(thrown, `sign a URL of ${key}`);
    });
  };
}
