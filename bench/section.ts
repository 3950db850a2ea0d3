/** One part of what `npm run bench` prints and writes: a table, and what has to be known to read it. */
export interface Section {
  readonly title: string;
  /** Sentences, each a paragraph of its own. */
  readonly notes: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
