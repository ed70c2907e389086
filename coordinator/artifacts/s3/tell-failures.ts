import type { S3Client } from '@aws-sdk/client-s3';
import type { Log } from '../../../shared/log.ts';
import { isAbsent, isUnsupported, s3Failure, s3StatusOf } from './s3-error.ts';

/** Has the log say once that the bucket does not do what it is asked, with what to do, and once that it does again. */
export function tellFailures(client: S3Client, log: Pick<Log, 'warn' | 'info'>): void {
  let isFailing = false;
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        const answer = await next(args);
        if (isFailing) log.info({}, 'the artifact store answers again');
        isFailing = false;
        return answer;
      } catch (thrown) {
        if (!isFailing && isFailure(thrown)) {
          isFailing = true;
          log.warn({ reason: s3Failure(thrown, 'do its work').message }, 'the artifact store fails');
        }
        throw thrown;
      }
    },
    { step: 'initialize', name: 'tellFailures' },
  );
}

/** Neither given up by this coordinator, nor one of the refusals that it asks for. */
function isFailure(thrown: unknown): boolean {
  if (thrown instanceof Error && thrown.name === 'AbortError') return false;
  return !isAbsent(thrown) && !isUnsupported(thrown) && ![409, 412].includes(s3StatusOf(thrown) ?? 0);
}
