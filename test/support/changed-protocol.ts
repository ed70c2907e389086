import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from '../../proto/generated/attempt.ts';
import { assetPath } from '../../shared/package-root.ts';

/**
 * The gRPC contract as a program of another version knows it.
 * @param changes each replaces a text that stands in `proto/attempt.proto`; throws where it does not.
 */
export function changedProtocol(changes: readonly (readonly [from: string, to: string])[]): ProtoGrpcType {
  let text = readFileSync(assetPath('proto/attempt.proto'), 'utf8');
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`${from} does not stand in the contract`);
    text = text.replace(from, to);
  }
  const folder = mkdtempSync(join(tmpdir(), 'wrtfarm-proto-'));
  try {
    const path = join(folder, 'attempt.proto');
    writeFileSync(path, text);
    const definition = loadSync(path, { longs: Number, enums: String, defaults: true, oneofs: true });
    return loadPackageDefinition(definition) as unknown as ProtoGrpcType;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
