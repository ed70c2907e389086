import type { DocumentKind } from './cached-documents.ts';

/** The lines of a `sha256sums` file that name ImageBuilders. */
export interface Sha256sums {
  readonly text: string;
}

/** A target's list of sums: names its ImageBuilder, and changes whenever the target is built anew. */
export const SHA256SUMS: DocumentKind<Sha256sums> = {
  parse: (bytes) => {
    const lines = parseSha256sums(bytes).split('\n');
    return { text: lines.filter((line) => line.includes('-imagebuilder-')).join('\n') };
  },
  maxBytes: 4 * 1024 ** 2,
};

/** Checks every line, and the end of the last one: half a name must not look like a whole one. */
export function parseSha256sums(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.endsWith('\n')) throw new Error('its last line is cut off');
  const odd = text.split(/\r?\n/).find((line) => line !== '' && !/^[0-9a-f]{64} [ *]\S/.test(line));
  if (odd !== undefined) throw new Error(`not a list of sums: ${JSON.stringify(odd.slice(0, 80))}`);
  return text;
}
