import { type FailedOperation, toStoreError } from './s3-errors.ts';

/** Runs one SDK call. Its errors become ours; an abort rejects with the signal's reason. */
export async function send<T>(
  failed: FailedOperation,
  signal: AbortSignal | undefined,
  call: (options: { abortSignal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await call(signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw toStoreError(error, failed);
  }
}

/** An ETag as the port has it: without the quotes that S3 puts around it. */
export function stripQuotes(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}
