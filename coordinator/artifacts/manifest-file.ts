import { Readable } from 'node:stream';
import { sha256Hex } from '../../shared/digest.ts';
import { MANIFEST_NAME } from '../../shared/domain/artifact.ts';
import { binDir } from '../../shared/domain/build.ts';
import type { StoredFile } from './artifact-store.ts';
import type { BuildJson } from './sealed-build.ts';

/** The packages of a finished build with their versions, which its `build.json` holds, as a file; undefined for one without. */
export function manifestFile({
  answer,
  requestHash,
  generation,
  finishedAt,
}: BuildJson): StoredFile | undefined {
  if (typeof answer.manifest !== 'object' || answer.manifest === null) return undefined;
  const bytes = Buffer.from(JSON.stringify(answer.manifest));
  return {
    name: MANIFEST_NAME,
    sha256: sha256Hex(bytes),
    sizeBytes: bytes.byteLength,
    binDir: binDir(requestHash, generation),
    finishedAt,
    read: (range) => Readable.from([range ? bytes.subarray(range.start, range.end + 1) : bytes]),
  };
}
