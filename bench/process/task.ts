import type { Measured } from './meter.ts';

/** What a bench worker is asked to do. */
export type Task =
  | { readonly kind: 'merge' | 'clean'; readonly pods: readonly string[]; readonly concurrency: number }
  /** `readAhead`: as in `LogReaderOptions`. */
  | { readonly kind: 'read'; readonly pods: readonly string[]; readonly readAhead?: number }
  /** Requests alone, of the AWS SDK or (`store-…`) of the object store. */
  | {
      readonly kind: 'put' | 'get' | 'list' | 'store-put' | 'store-get' | 'store-list';
      readonly count: number;
      readonly bytes: number;
    };

/** What it took. */
export interface TaskResult extends Measured {
  /** Requests to the store by kind, each try by itself. */
  readonly requests: Readonly<Record<string, number>>;
  /** Stored bytes of merged files that a merge wrote. */
  readonly writtenBytes: number;
  /** Bytes of text that a read gave. */
  readonly textBytes: number;
}
