/** A builder this agent unpacked: its size on disk, and that of its archive where it is known. */
export interface Unpacked {
  readonly sizeBytes: number;
  readonly archiveBytes?: number;
}

/**
 * Before this agent has unpacked anything: real builders have 40 to 150 MB packed and 300 to 800 MB unpacked, which is at
 * most 7.5 times as much.
 */
const UNPACK_FACTOR = 8;
/** When upstream does not tell the size of an archive either. */
const UNKNOWN_ARCHIVE_BYTES = 150 * 1024 ** 2;

/**
 * What a builder will take on disk, before it is fetched: what it took last time on this agent, another digest included;
 * else the size of its archive times the largest factor this agent has seen.
 * @param last its size on disk last time, if there was one.
 */
export function estimateSizeBytes(
  last: number | undefined,
  archiveBytes: number | undefined,
  unpacked: readonly Unpacked[],
): number {
  if (last !== undefined) return last;
  const factors = unpacked.flatMap((each) => (each.archiveBytes ? [each.sizeBytes / each.archiveBytes] : []));
  const factor = factors.length > 0 ? Math.max(...factors) : UNPACK_FACTOR;
  return Math.ceil((archiveBytes ?? UNKNOWN_ARCHIVE_BYTES) * factor);
}
