import { PutObjectCommand } from '@aws-sdk/client-s3';
import { StoreError } from './errors.ts';
import type { ObservedClient } from './s3-client.ts';
import { DirectOperation, type DirectResponse } from './s3-direct.ts';
import { stripQuotes } from './s3-send.ts';

/** What is to be stored. The conditions are the headers' values as the store wants them. */
export interface PutRequest {
  readonly key: string;
  /** Not to be changed before the answer is there. */
  readonly body: Uint8Array;
  readonly contentType?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export interface PutWays {
  readonly signal?: AbortSignal | undefined;
  /** As `PutOptions` has it. */
  readonly beforeSend?: (() => void) | undefined;
}

/** What S3 and the SDK take a body for of which nothing is said. */
const ANY_BYTES = 'application/octet-stream';

/**
 * PUTs of a bucket's objects, past the SDK where all is well. One that failed, or got no answer, may have been carried out: it is made again by the
 * SDK with the same condition, which a store that honours it refuses then.
 */
export class DirectPut {
  readonly #operation: DirectOperation;
  readonly #bucket: string;

  constructor(client: ObservedClient, bucket: string) {
    this.#operation = new DirectOperation(client, { whole: true });
    this.#bucket = bucket;
  }

  /** Throws StoreErrors, or the signal's reason. */
  put(put: PutRequest, { signal, beforeSend }: PutWays = {}): Promise<{ readonly etag: string }> {
    const { key, body, contentType, metadata, ifMatch, ifNoneMatch } = put;
    const conditionalWrite = ifMatch !== undefined || ifNoneMatch !== undefined;
    const failed = { operation: 'PutObject', bucket: this.#bucket, key, conditionalWrite };
    return this.#operation.send({
      failed,
      request: { key, headers: headersOf(put), body },
      command: () =>
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: body,
          ...(contentType !== undefined && { ContentType: contentType }),
          ...(metadata !== undefined && { Metadata: { ...metadata } }),
          ...(ifMatch !== undefined && { IfMatch: ifMatch }),
          ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
        }),
      read: readStored,
      fromSdk: ({ ETag }) => {
        if (ETag === undefined) throw new StoreError('the answer lacks the ETag', failed);
        return { etag: stripQuotes(ETag) };
      },
      signal,
      beforeSend,
    });
  }
}

function headersOf({
  contentType,
  metadata = {},
  ifMatch,
  ifNoneMatch,
}: PutRequest): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {
    'content-type': contentType ?? ANY_BYTES,
    'if-match': ifMatch,
    'if-none-match': ifNoneMatch,
  };
  for (const [name, value] of Object.entries(metadata)) headers[`x-amz-meta-${name.toLowerCase()}`] = value;
  return headers;
}

/** Undefined when there is anything about it that the SDK should look at: a body may be an error, in spite of the status. */
function readStored({ statusCode, headers: { etag }, bytes }: DirectResponse): { readonly etag: string } | undefined {
  return statusCode === 200 && etag !== undefined && bytes?.length === 0 ? { etag: stripQuotes(etag) } : undefined;
}
