/** What one look at the farm after a run found. */
export interface Finding {
  readonly check: string;
  /** How many things were looked at. */
  readonly looked: number;
  /** What does not balance; nothing in a farm that keeps its promise. */
  readonly problems: readonly string[];
  /** Worth telling, and no break of a promise. */
  readonly notes?: readonly string[];
}
