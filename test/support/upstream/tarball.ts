import { Header } from 'tar';
import { FarmError } from '../../../shared/errors.ts';

/** One member of a tarball. */
export interface TarEntry {
  /** Relative, without a trailing slash. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link';
  /** Permission bits; default 0644, for directories 0755. */
  readonly mode?: number;
  readonly data?: string | Uint8Array;
  /** Target of a symbolic link. */
  readonly target?: string;
}

const BLOCK = 512;
const HEADER_TYPES = { file: 'File', directory: 'Directory', link: 'SymbolicLink' } as const;
const DEFAULT_MODES = { file: 0o644, directory: 0o755, link: 0o777 } as const;

/** An uncompressed ustar of the entries in their order, owned by root, all with one time: the same entries give the same bytes. */
export function tarball(entries: readonly TarEntry[], secondsSinceEpoch: number): Buffer {
  const mtime = new Date(secondsSinceEpoch * 1000);
  const blocks = entries.flatMap((entry) => {
    const data = Buffer.from(entry.data ?? '');
    return [header(entry, data.length, mtime), data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(entry: TarEntry, size: number, mtime: Date): Buffer {
  const fields = new Header({
    path: entry.type === 'directory' ? `${entry.path}/` : entry.path,
    type: HEADER_TYPES[entry.type],
    mode: entry.mode ?? DEFAULT_MODES[entry.type],
    ...(entry.target === undefined ? {} : { linkpath: entry.target }),
    size,
    mtime,
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
  });
  const block = Buffer.alloc(BLOCK);
  if (fields.encode(block, 0)) throw new FarmError('internal', `${entry.path} does not fit a ustar header`);
  return block;
}

/** The entries with those of all their parent directories before them, each once, sorted by path. */
export function withDirectories(entries: readonly TarEntry[]): TarEntry[] {
  const byPath = new Map<string, TarEntry>();
  for (const entry of entries) {
    const parts = entry.path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const path = parts.slice(0, depth).join('/');
      if (!byPath.has(path)) byPath.set(path, { path, type: 'directory' });
    }
    byPath.set(entry.path, entry);
  }
  return [...byPath.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}
