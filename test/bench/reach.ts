/** Something a benchmark is to reach, and what it found. */
export interface Reach {
  readonly what: string;
  readonly found: string;
  readonly isMet: boolean;
}

export function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

/** Says of each reach whether it is met. @returns whether all are. */
export function report(reaches: readonly Reach[]): boolean {
  for (const { what, found, isMet } of reaches)
    process.stdout.write(`${isMet ? 'met   ' : 'MISSED'} ${what}: ${found}\n`);
  const missed = reaches.filter(({ isMet }) => !isMet).map(({ what }) => what);
  process.stdout.write(missed.length === 0 ? 'every reach is met\n' : `missed: ${missed.join('; ')}\n`);
  return missed.length === 0;
}
