import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import { StoreError, StoreUnavailableError } from './errors.ts';
import type { DeleteResult } from './object-store.ts';
import type { FailedOperation } from './s3-errors.ts';
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

/**
 * Deletes in batches of 1,000; what a batch could not delete is told entry by entry, a request that failed as a whole throws.
 *
 * A deletion of one version that cannot carry its ETag is sent once: repeated (its answer may have been lost), it would take what has been
 * written under the key meanwhile. It throws StoreUnavailableError instead, and who wanted it looks again at what is there.
 */
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
      const once = target.etag !== undefined && ifMatch === undefined;
      await deleteOne(client, bucket, { key: target.key, ifMatch, once }, options.signal);
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
  const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: entries } });
  const failed = { operation: 'DeleteObjects', bucket };
  if (!options.conditional && targets.some(({ etag }) => etag !== undefined)) {
    command.middlewareStack.add(sentOnce(failed), BEFORE_EACH_TRY);
  }
  const answer = await send(failed, options.signal, (abort) => client.send(command, abort));
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

/** One DeleteObject, with a raw If-Match when given. `once`: it is not repeated when there is no answer. */
export async function deleteOne(
  client: S3Client,
  bucket: string,
  target: { readonly key: string; readonly ifMatch?: string | undefined; readonly once?: boolean },
  signal?: AbortSignal,
): Promise<void> {
  const { key, ifMatch, once } = target;
  const command = new DeleteObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(ifMatch !== undefined && { IfMatch: ifMatch }),
  });
  const failed = { operation: 'DeleteObject', bucket, key };
  if (once === true) command.middlewareStack.add(sentOnce(failed), BEFORE_EACH_TRY);
  await send(failed, signal, (abort) => client.send(command, abort));
}

/** Behind the SDK's retries. */
const BEFORE_EACH_TRY = { step: 'deserialize', priority: 'low', name: 'cordwoodSentOnce' } as const;

function sentOnce(failed: FailedOperation) {
  let sent = false;
  return <Args, Result>(next: (args: Args) => Promise<Result>) =>
    async (args: Args): Promise<Result> => {
      if (sent) throw new StoreUnavailableError('no good answer, and without a condition it is not repeated', failed);
      sent = true;
      return next(args);
    };
}

/** XML 1.0 has no way to write most control characters, U+FFFE and U+FFFF. */
function fitsXml(key: string): boolean {
  return !/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/.test(key);
}
