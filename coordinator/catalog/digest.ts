import { type Builder, findArchive } from '../../shared/domain/builder.ts';
import type { DocumentKind, Documents } from './documents.ts';

type Archive = NonNullable<ReturnType<typeof findArchive>>;

/** The lines of a `sha256sums` file that name ImageBuilders, and what was found in them: a folder belongs to one builder. */
interface Sha256sums {
  readonly text: string;
  archive?: Archive | undefined;
}

const SHA256SUMS: DocumentKind<Sha256sums> = {
  parse: (bytes) => {
    const lines = parseSha256sums(bytes).split('\n');
    return { text: lines.filter((line) => line.includes('-imagebuilder-')).join('\n') };
  },
  maxBytes: 4 * 1024 ** 2,
};

/** Name and sha256 of a builder's archive; undefined when upstream does not offer one (now). */
export async function readArchive(
  documents: Documents,
  builder: Builder,
  targetFolder: string,
  options?: { readonly maxAgeMs?: number },
): Promise<Archive | undefined> {
  const sums = await documents.read(SHA256SUMS, `${targetFolder}/sha256sums`, options);
  if (!sums) return undefined;
  sums.archive ??= findArchive(sums.text, builder);
  return sums.archive;
}

/** Checks every line, and the end of the last one: half a name must not look like a whole one. */
export function parseSha256sums(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.endsWith('\n')) throw new Error('its last line is cut off');
  const odd = text.split(/\r?\n/).find((line) => line !== '' && !/^[0-9a-f]{64} [ *]\S/.test(line));
  if (odd !== undefined) throw new Error(`not a list of sums: ${JSON.stringify(odd.slice(0, 80))}`);
  return text;
}
