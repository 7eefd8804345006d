import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type BodyConnection, streamedBody } from './body-connection.ts';
import type { ObservedClient } from './s3-client.ts';
import { DirectOperation, type DirectResponse } from './s3-direct.ts';

/** What a GET asks for. `range` and `ifMatch` are the headers' values as the store wants them. */
export interface GetRequest {
  readonly key: string;
  readonly range: string | undefined;
  readonly ifMatch: string | undefined;
}

/** The head of a good answer, and the body that follows. Who does not read the body to its end destroys it. */
export interface GetAnswer {
  readonly body: BodyConnection;
  /** With the quotes it came in. */
  readonly etag: string | undefined;
  readonly size: number | undefined;
  readonly contentRange: string | undefined;
  /** Ms since 1970. */
  readonly lastModified: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** GETs of a bucket's objects, past the SDK where all is well. */
export class DirectGet {
  readonly #operation: DirectOperation;
  readonly #bucket: string;

  constructor(client: ObservedClient, bucket: string) {
    this.#operation = new DirectOperation(client, { whole: false });
    this.#bucket = bucket;
  }

  /** Resolves when the head of a good answer is there. Throws StoreErrors, or the signal's reason. */
  get({ key, range, ifMatch }: GetRequest, signal: AbortSignal | undefined): Promise<GetAnswer> {
    return this.#operation.send({
      failed: { operation: 'GetObject', bucket: this.#bucket, key },
      request: { key, headers: { range, 'if-match': ifMatch } },
      command: () =>
        new GetObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          ...(range !== undefined && { Range: range }),
          ...(ifMatch !== undefined && { IfMatch: ifMatch }),
        }),
      read: readHead,
      fromSdk: ({ Body, ETag, ContentLength, ContentRange, LastModified, Metadata }) => ({
        body: streamedBody(Body as Readable),
        etag: ETag,
        size: ContentLength,
        contentRange: ContentRange,
        lastModified: LastModified?.getTime(),
        metadata: Metadata ?? {},
      }),
      signal,
    });
  }
}

const METADATA = 'x-amz-meta-';

/** Undefined when there is anything about it that the SDK should look at. */
function readHead({ headers, body }: DirectResponse): GetAnswer | undefined {
  const { etag, 'content-length': size = '', 'content-range': contentRange, 'last-modified': modified = '' } = headers;
  const lastModified = Date.parse(modified);
  if (etag === undefined || !/^\d+$/.test(size) || Number.isNaN(lastModified)) return undefined;
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith(METADATA)) metadata[name.slice(METADATA.length)] = headers[name] ?? '';
  }
  return { body, etag, size: Number(size), contentRange, lastModified, metadata };
}
