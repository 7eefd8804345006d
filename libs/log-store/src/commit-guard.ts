/**
 * Lets one worker at a time commit a pod's metadata, on stores that do not see to that themselves (`commitsSafely`). A lease runs
 * out by itself, so that a worker that died holds nobody up; so one that was frozen for longer must find out that it is no more.
 */
export interface CommitGuard {
  /**
   * Waits until no other worker has the pod's lease. Rejects when it cannot be had, with the signal's reason when that aborts:
   * then nothing may be committed.
   */
  acquire(pod: string, signal?: AbortSignal): Promise<CommitLease>;
}

export interface CommitLease {
  /** Asks whether the lease still is ours, and lets it begin anew. Rejects when it is not, or when there is no answer. */
  renew(): Promise<void>;
  /** For how many ms a write may still be sent; 0 or less: no longer. Needs no answer from anybody. */
  remainingMs(): number;
  /** Gives the lease back. Never rejects: what cannot be given back runs out. */
  release(): Promise<void>;
}
