/** How many documents upstream lately failed to give. */
export interface FailingDocuments {
  /** Served from an older copy. */
  readonly old: number;
  /** Not to be had at all. */
  readonly absent: number;
}

export function sumOfFailing(all: readonly FailingDocuments[]): FailingDocuments {
  return {
    old: all.reduce((sum, { old }) => sum + old, 0),
    absent: all.reduce((sum, { absent }) => sum + absent, 0),
  };
}

/** What that means for who looks after the farm; undefined when all is well. */
export function failingText({ old, absent }: FailingDocuments): string | undefined {
  if (old + absent === 0) return undefined;
  const parts = [
    ...(old > 0 ? [`${old} of its documents are served from older copies`] : []),
    ...(absent > 0 ? [`${absent} cannot be had at all`] : []),
  ];
  return `upstream does not answer as it should: ${parts.join(', ')}`;
}
