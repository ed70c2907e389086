/**
 * The candidate nearest to a mistyped name: at most one edit away, two for names of more than five letters. Of equally near
 * ones the alphabetically first; undefined when none is near.
 */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  const limit = name.length > 5 ? 2 : 1;
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate, best?.distance ?? limit);
    if (distance === undefined) continue;
    if (!best || distance < best.distance || candidate < best.candidate) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Edits (insert, delete, replace, swap neighbours) from one text to the other; undefined when more than `limit`. */
export function editDistance(from: string, to: string, limit: number): number | undefined {
  if (Math.abs(from.length - to.length) > limit) return undefined;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    if (Math.min(...current) > limit) return undefined;
    beforeLast = last;
    last = current;
  }
  const distance = last[to.length] ?? 0;
  return distance > limit ? undefined : distance;
}
