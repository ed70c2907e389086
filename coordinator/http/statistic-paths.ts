/** Where a statistic is served: asu's own path, and the same beside the summary (contract 2.1 can be read both ways). */
export function statisticPaths(name: string): readonly string[] {
  return [`/api/v1/${name}`, `/api/v1/stats/${name}`];
}
