/** Where and on what an operation failed. */
export interface StoreErrorDetails {
  readonly operation: string;
  readonly bucket: string;
  readonly key?: string | undefined;
  /** The store's own code (`SlowDown`, `InvalidRange`, …) or the network's (`ECONNRESET`). */
  readonly code?: string | undefined;
  readonly status?: number | undefined;
  readonly cause?: unknown;
}

/** A failed operation of an ObjectStore. Subclasses tell what to do next; this class itself: report, a retry will not help. */
export class StoreError extends Error {
  override name = 'StoreError';
  readonly operation: string;
  readonly bucket: string;
  readonly key: string | undefined;
  readonly code: string | undefined;
  readonly status: number | undefined;

  constructor(message: string, details: StoreErrorDetails) {
    const place = details.key === undefined ? details.bucket : `${details.bucket}/${details.key}`;
    super(`${details.operation} ${place}: ${message}`, { cause: details.cause });
    this.operation = details.operation;
    this.bucket = details.bucket;
    this.key = details.key;
    this.code = details.code;
    this.status = details.status;
  }
}

/** There is no such key. */
export class NotFoundError extends StoreError {
  override name = 'NotFoundError';
}

/**
 * The condition of a read or write did not hold, or a concurrent conditional write got in the way. Read again, decide again.
 * A conditional write that gets this may itself have succeeded: its answer was lost, and its repetition met the first success.
 */
export class PreconditionFailedError extends StoreError {
  override name = 'PreconditionFailedError';
}

/** A merged file of a log has lost records. All that is left of the log has been given before. */
export class DamagedLogError extends Error {
  override readonly name = 'DamagedLogError';

  constructor({ key, reason }: { readonly key: string; readonly reason: string }) {
    super(`the log is not whole: the merged file ${key} is damaged (${reason})`);
  }
}

/** Refused: wrong or missing credentials, or no right to do this. Stop and report. */
export class AccessDeniedError extends StoreError {
  override name = 'AccessDeniedError';
}

/** There is no such bucket. Stop and report. */
export class NoSuchBucketError extends StoreError {
  override name = 'NoSuchBucketError';
}

/** The store has no room left for us. Writing again makes sense only after somebody has made room. */
export class QuotaExceededError extends StoreError {
  override name = 'QuotaExceededError';
}

/** Network trouble, a 5xx or throttling that outlived the client's own retries. The outcome of a write is unknown. Try again later. */
export class StoreUnavailableError extends StoreError {
  override name = 'StoreUnavailableError';
}
