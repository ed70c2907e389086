/** How settings spell an amount of bytes: `0`, or a number and a unit, `500M`, `20G`, `1.5T`. See `parseByteSize`. */
export const BYTE_SIZE_PATTERN = '^(0|\\d{1,6}(\\.\\d{1,3})?[KMGT])$';

const UNIT_BYTES: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** Bytes of a text that matches `BYTE_SIZE_PATTERN`; units are powers of 1024. `1.5K` is 1536. */
export function parseByteSize(text: string): number {
  return Math.round(Number.parseFloat(text) * (UNIT_BYTES[text.slice(-1)] ?? 1));
}

/** For people, in the units of `parseByteSize`: `1.5 GiB`, `20.0 MiB`. */
export function byteSizeText(bytes: number): string {
  return bytes >= 1024 ** 3
    ? `${(bytes / 1024 ** 3).toFixed(1)} GiB`
    : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
