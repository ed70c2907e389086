/** Where a farm keeps results, read by the audit itself: what a coordinator says of it is what is to be audited. */
export interface Results {
  /** What makes a coordinator keep results here, besides its `artifacts` folder. */
  readonly settings: Readonly<Record<string, string>>;
  /** The text of every `build.json`, by the folder under which it is served. */
  buildJsons(): Promise<ReadonlyMap<string, string>>;
  /** How many results a request hash has. */
  countOf(requestHash: string): Promise<number>;
  /** What a write that was interrupted left, as a line each. */
  halfWritten(): Promise<readonly string[]>;
  /** What attempts uploaded and nobody took up or dropped, as a line each. */
  uploads(): Promise<readonly string[]>;
}
