/** Which file a line comes from. In a merged one an absent `stream` means stdout, and `ot` gives the ordering time. */
export type LineFormat = 'raw' | 'merged';

/** Counts of lines that were kept, but not of the usual form. */
export interface OddLines {
  /** Lines that are no JSON object. */
  notJson: number;
  /** JSON objects whose `log`, `time` or `stream` is missing or of another type. */
  oddFields: number;
}
