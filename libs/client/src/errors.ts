import type { ApiErrorCode } from './api-types.ts';

/** What the API answers (docs/api.md), or what kept its answer from arriving. */
export type ErrorCode =
  | ApiErrorCode
  /** No answer: the service cannot be reached, or the connection was lost before one came. */
  | 'network_error'
  /** The answer broke off. */
  | 'transfer_broken'
  /** Nothing came for as long as `idleTimeout`, not even a sign of life. */
  | 'timeout'
  /** An answer that is not of this API: of a proxy, say. */
  | 'unexpected_answer';

export interface CordwoodErrorOptions {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Everything that goes wrong, but for what is aborted: that rejects with the signal's reason. */
export class CordwoodError extends Error {
  override readonly name = 'CordwoodError';
  /** For programs. A newer service may answer with codes that this client does not know. */
  readonly code: ErrorCode;
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** What the service asked to be left in peace for, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: CordwoodErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the same request may well succeed later. */
  get isTemporary(): boolean {
    if (this.code === 'network_error' || this.code === 'transfer_broken' || this.code === 'timeout') return true;
    if (this.status === 408 || this.status === 429 || this.status === 503) return true;
    // Of a proxy in front of a service that is being restarted. Our own 502 means that S3 refuses, which no patience mends.
    return this.code === 'unexpected_answer' && (this.status === 502 || this.status === 504);
  }
}
