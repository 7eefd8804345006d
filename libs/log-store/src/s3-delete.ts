import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import { StoreError } from './errors.ts';
import type { DeleteResult } from './object-store.ts';
import { send } from './s3-send.ts';

/** S3's limit for one DeleteObjects. */
const BATCH = 1000;

/** An entry with its ETag as the store wants it in conditions. */
export interface PreparedTarget {
  readonly key: string;
  readonly etag?: string | undefined;
}

export interface DeleteOptions {
  /** Whether to send the ETags of entries with DeleteObjects. */
  readonly conditional: boolean;
  /** Whether to send them with DeleteObject, which is used for keys that DeleteObjects cannot carry. */
  readonly conditionalSingle: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Outcome {
  readonly deleted: string[];
  readonly failed: DeleteResult['failed'][number][];
}

/** Deletes in batches of 1,000; what a batch could not delete is told entry by entry, a request that failed as a whole throws. */
export async function deleteBatches(
  client: S3Client,
  bucket: string,
  targets: readonly PreparedTarget[],
  options: DeleteOptions,
): Promise<DeleteResult> {
  const outcome: Outcome = { deleted: [], failed: [] };
  const batched = targets.filter(({ key }) => fitsXml(key));
  for (let from = 0; from < batched.length; from += BATCH) {
    await deleteBatch(client, bucket, batched.slice(from, from + BATCH), options, outcome);
  }
  for (const target of targets.filter(({ key }) => !fitsXml(key))) {
    try {
      const ifMatch = options.conditionalSingle ? target.etag : undefined;
      await deleteOne(client, bucket, { key: target.key, ifMatch }, options.signal);
      outcome.deleted.push(target.key);
    } catch (error) {
      if (!(error instanceof StoreError) || error.status === undefined) throw error;
      outcome.failed.push({ key: target.key, code: error.code ?? String(error.status), message: error.message });
    }
  }
  return outcome;
}

async function deleteBatch(
  client: S3Client,
  bucket: string,
  targets: readonly PreparedTarget[],
  options: DeleteOptions,
  outcome: Outcome,
): Promise<void> {
  const entries = targets.map(({ key, etag }) => ({
    Key: key,
    ...(options.conditional && etag !== undefined && { ETag: etag }),
  }));
  const input = { Bucket: bucket, Delete: { Objects: entries } };
  const answer = await send({ operation: 'DeleteObjects', bucket }, options.signal, (abort) =>
    client.send(new DeleteObjectsCommand(input), abort),
  );
  const unreported = new Set(targets.map(({ key }) => key));
  for (const { Key } of answer.Deleted ?? []) {
    if (Key !== undefined && unreported.delete(Key)) outcome.deleted.push(Key);
  }
  for (const { Key, Code, Message } of answer.Errors ?? []) {
    if (Key === undefined || !unreported.delete(Key)) continue;
    // Some stores report what is not there as an error; gone is gone.
    if (Code === 'NoSuchKey') outcome.deleted.push(Key);
    else outcome.failed.push({ key: Key, code: Code ?? 'Unknown', message: Message ?? '' });
  }
  for (const key of unreported) {
    outcome.failed.push({ key, code: 'Unreported', message: 'the store did not say what became of it' });
  }
}

/** One DeleteObject, with a raw If-Match when given. */
export async function deleteOne(
  client: S3Client,
  bucket: string,
  target: { readonly key: string; readonly ifMatch?: string | undefined },
  signal?: AbortSignal,
): Promise<void> {
  const { key, ifMatch } = target;
  const input = { Bucket: bucket, Key: key, ...(ifMatch !== undefined && { IfMatch: ifMatch }) };
  await send({ operation: 'DeleteObject', bucket, key }, signal, (abort) =>
    client.send(new DeleteObjectCommand(input), abort),
  );
}

/** XML 1.0 has no way to write most control characters, U+FFFE and U+FFFF. */
function fitsXml(key: string): boolean {
  return !/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/.test(key);
}
