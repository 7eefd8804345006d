/** What a bench process is asked to do. */
export interface Task {
  readonly kind: 'merge' | 'clean' | 'read' | 'scan';
  readonly pods: readonly string[];
  readonly concurrency: number;
}

/** What it took. */
export interface TaskResult {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly peakRssMb: number;
  /** The longest time that the event loop did not turn, in ms. */
  readonly longestStallMs: number;
  readonly requests: Readonly<Record<string, number>>;
  /** Bytes of merged files or of text; pods for a scan. */
  readonly outputBytes: number;
}
