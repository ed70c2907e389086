import { Readable } from 'node:stream';
import { SHA256_PATTERN, sha256Hex } from '../../../shared/digest.ts';
import type { StoredFile } from '../../artifacts/artifact-store.ts';
import type { HttpDependencies } from '../dependencies.ts';

/** What asu v0.3.0 called a build's packages with their versions, beside its images. */
const MANIFEST_NAME = 'manifest.json';

export type StoreDependencies = Pick<HttpDependencies, 'files' | 'builds' | 'aliases'>;

/**
 * A file of a finished build.
 * @param folder a `bin_dir`, a request hash, or the folder that asu v0.3.0 would have had.
 */
export async function findInStore(
  deps: StoreDependencies,
  folder: string,
  name: string,
): Promise<StoredFile | undefined> {
  const isHash = new RegExp(SHA256_PATTERN).test(folder);
  const file = isHash ? await deps.files.find(folder, name) : undefined;
  if (file || (isHash && name !== MANIFEST_NAME)) return file;
  const build = await deps.aliases.find(folder);
  if (name === MANIFEST_NAME) return findManifest(deps, build?.requestHash ?? folder, build?.binDir);
  return build && deps.files.find(build.binDir, name);
}

/** The manifest in a build's answer, as if it were a file; it goes when the answer is forgotten. */
async function findManifest(
  { builds }: StoreDependencies,
  requestHash: string,
  binDir: string | undefined,
): Promise<StoredFile | undefined> {
  const record = new RegExp(SHA256_PATTERN).test(requestHash) ? await builds.get(requestHash) : undefined;
  const { manifest, bin_dir: folder } = record?.answer ?? {};
  const isMeant = binDir === undefined || binDir === folder;
  if (!record || !manifest || typeof folder !== 'string' || !isMeant) return undefined;
  const bytes = Buffer.from(JSON.stringify(manifest));
  return {
    name: MANIFEST_NAME,
    sha256: sha256Hex(bytes),
    sizeBytes: bytes.byteLength,
    binDir: folder,
    finishedAt: record.acceptedAt,
    read: (range) => Readable.from([range ? bytes.subarray(range.start, range.end + 1) : bytes]),
  };
}
