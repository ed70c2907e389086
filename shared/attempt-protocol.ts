import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from '../proto/generated/attempt.ts';
import type { Lease__Output } from '../proto/generated/wrtfarm/v1/Lease.ts';
import { type Lease, LeaseSchema } from './domain/lease.ts';
import { assetPath } from './package-root.ts';
import { parseAs } from './schema.ts';

/** Most bytes of one log chunk, and of one piece of an artifact. */
export const MAX_LOG_CHUNK_BYTES = 64 * 1024;
export const MAX_ARTIFACT_CHUNK_BYTES = 1024 * 1024;

/** Bytes of a piece as agents send them. Larger ones go up no faster. */
export const ARTIFACT_CHUNK_BYTES = 512 * 1024;

/** Largest message either side takes: the end of an attempt carries profiles.json and the tail of the output. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

/** The gRPC contract of proto/attempt.proto. The options are those its types were generated with (package.json, `proto`). */
export function loadAttemptProtocol(): ProtoGrpcType {
  const definition = loadSync(assetPath('proto/attempt.proto'), {
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return loadPackageDefinition(definition) as unknown as ProtoGrpcType;
}

/** A lease as it came over gRPC. Throws `invalid_request`. */
export function parseLease(message: Lease__Output | null | undefined): Lease {
  return parseAs(LeaseSchema, message ?? {}, 'lease');
}
