import { SHA256_PATTERN } from '../../../shared/digest.ts';
import type { StoredFile } from '../../artifacts/artifact-store.ts';
import type { HttpDependencies } from '../dependencies.ts';

export type StoreDependencies = Pick<HttpDependencies, 'files' | 'aliases'>;

/**
 * A file of a finished build.
 * @param folder a `bin_dir`, a request hash, or the folder that asu v0.3.0 would have had.
 */
export async function findInStore(
  { files, aliases }: StoreDependencies,
  folder: string,
  name: string,
): Promise<StoredFile | undefined> {
  if (new RegExp(SHA256_PATTERN).test(folder)) return await files.find(folder, name);
  const binDir = await aliases.find(folder);
  return binDir === undefined ? undefined : await files.find(binDir, name);
}
