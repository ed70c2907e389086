/** A builder this agent unpacked: its size on disk, and that of its archive where it is known. */
export interface Unpacked {
  readonly sizeBytes: number;
  readonly archiveBytes?: number;
}

/** Before this agent has unpacked anything: real builders have 40 to 150 MB packed and 300 to 800 MB unpacked. */
const UNPACK_FACTOR = 7;
/** When upstream does not tell the size of an archive either. */
const UNKNOWN_ARCHIVE_BYTES = 150 * 1024 ** 2;

/**
 * What a builder will take on disk, before it is fetched: what it took last time on this agent, another digest included;
 * else the size of its archive times the factor by which those here grew, all taken together. It may be too low: what it
 * really takes is checked once it is unpacked. Too high an estimate would remove, or refuse, more than is needed.
 * @param last its size on disk last time, if there was one.
 */
export function estimateSizeBytes(
  last: number | undefined,
  archiveBytes: number | undefined,
  unpacked: readonly Unpacked[],
): number {
  if (last !== undefined) return last;
  const known = unpacked.filter(({ archiveBytes: bytes }) => bytes !== undefined && bytes > 0);
  const packedBytes = known.reduce((sum, each) => sum + (each.archiveBytes ?? 0), 0);
  const sizeBytes = known.reduce((sum, each) => sum + each.sizeBytes, 0);
  const factor = packedBytes > 0 ? sizeBytes / packedBytes : UNPACK_FACTOR;
  return Math.ceil((archiveBytes ?? UNKNOWN_ARCHIVE_BYTES) * factor);
}
