import { type ServiceError, status } from '@grpc/grpc-js';
import { FarmError, messageOf } from '../../shared/errors.ts';

/** What a failed call means to an attempt: `lease_lost` ends it, a refusal of what was said is final, all else is tried again. */
export function fromServiceError(thrown: unknown): FarmError {
  if (thrown instanceof FarmError) return thrown;
  const details = messageOf(thrown);
  switch ((thrown as Partial<ServiceError>).code) {
    case status.ABORTED:
      return new FarmError('lease_lost', details, { cause: thrown });
    case status.INVALID_ARGUMENT:
      return new FarmError('invalid_request', details, { cause: thrown });
    case status.FAILED_PRECONDITION:
      return new FarmError('failed_precondition', details, { cause: thrown });
    case status.RESOURCE_EXHAUSTED:
      return new FarmError('resource_exhausted', details, { cause: thrown });
    default:
      return new FarmError('unavailable', details, { cause: thrown });
  }
}
