import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { ERROR_CODES, FarmError } from '../../shared/errors.ts';

/** A failure as gRPC carries it: the status of its code; text of what is unknown stays here. */
export function toServiceError(thrown: unknown): ServiceError {
  const error = FarmError.from(thrown);
  const details = error.code === 'internal' ? 'internal error' : error.message;
  return Object.assign(new Error(details), {
    code: ERROR_CODES[error.code].grpc,
    details,
    metadata: new Metadata(),
  });
}
