import { type Builder, findArchive } from '../../shared/domain/builder.ts';
import type { Documents } from './documents.ts';
import { SHA256SUMS, type Sha256sums } from './sha256sums.ts';

type Archive = NonNullable<ReturnType<typeof findArchive>>;

/** What was found in a list of sums: a folder belongs to one builder. */
const FOUND = new WeakMap<Sha256sums, Archive | undefined>();

/** Name and sha256 of a builder's archive; undefined when upstream does not offer one (now). */
export async function readArchive(
  documents: Documents,
  builder: Builder,
  targetFolder: string,
  options?: { readonly maxAgeMs?: number },
): Promise<Archive | undefined> {
  const sums = await documents.read(SHA256SUMS, `${targetFolder}/sha256sums`, options);
  if (!sums) return undefined;
  if (!FOUND.has(sums)) FOUND.set(sums, findArchive(sums.text, builder));
  return FOUND.get(sums);
}
