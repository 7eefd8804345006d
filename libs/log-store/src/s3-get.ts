import { Readable } from 'node:stream';
import type { BodyConnection } from './body-connection.ts';
import { PreconditionFailedError, StoreError } from './errors.ts';
import type { GetOptions, ObjectBody, ObjectInfo } from './object-store.ts';
import { ResumedBody } from './s3-body.ts';
import type { GetAnswer, GetRequest } from './s3-direct-get.ts';
import { stripQuotes } from './s3-send.ts';

/** What is known of an object without its body. */
export type ObjectHead = ObjectInfo & { readonly metadata: Readonly<Record<string, string>> };

/** The requests that reading an object may take. They throw StoreErrors, or the signal's reason. */
export interface ReadRequests {
  readonly bucket: string;
  /** A GET, until the head of a good answer is there. */
  readonly request: (wanted: GetRequest, signal: AbortSignal | undefined) => Promise<GetAnswer>;
  readonly head: (key: string, ifMatch: string | undefined, signal: AbortSignal | undefined) => Promise<ObjectHead>;
  /** An ETag as the store wants it in a condition. */
  readonly condition: (etag: string) => string;
}

/** Opens an object, or a range of it, as `ObjectStore.get` says. */
export async function getObject(requests: ReadRequests, key: string, options: GetOptions): Promise<ObjectBody> {
  const { start = 0, end, ifMatch, signal } = options;
  if (start < 0 || (end !== undefined && end < start)) {
    throw new RangeError(`no range of bytes: ${start} to ${end ?? 'the end'}`);
  }
  let opened: OpenedObject;
  try {
    opened = await open(requests, key, { start, end }, ifMatch, signal);
  } catch (error) {
    if (!(error instanceof StoreError) || error.status !== 416) throw error;
    return emptyBody(requests, key, start, ifMatch, error, signal);
  }
  const { etag, size, lastModified, metadata } = opened;
  const body = new ResumedBody({
    first: opened.body,
    size,
    details: { operation: 'GetObject', bucket: requests.bucket, key },
    signal,
    reopen: async (position) => {
      const rest = { start: start + position, end: start + size - 1 };
      return (await open(requests, key, rest, etag, signal)).body;
    },
  });
  return {
    etag,
    size,
    lastModified,
    metadata,
    chunks: body.chunks,
    bytes: (target, onFilled) => body.bytes(target, onFilled),
  };
}

interface OpenedObject extends Omit<ObjectHead, 'key'> {
  readonly body: BodyConnection;
}

/** Rejects an answer that is not what was asked for, whatever its status. */
async function open(
  { bucket, request, condition }: ReadRequests,
  key: string,
  { start, end }: { readonly start: number; readonly end: number | undefined },
  ifMatch: string | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenedObject> {
  const range = start > 0 || end !== undefined ? `bytes=${start}-${end ?? ''}` : undefined;
  const answer = await request({ key, range, ifMatch: ifMatch === undefined ? undefined : condition(ifMatch) }, signal);
  const { body, etag, size, contentRange, lastModified, metadata } = answer;
  const details = { operation: 'GetObject', bucket, key };
  if (ifMatch !== undefined && etag !== undefined && stripQuotes(etag) !== ifMatch) {
    body.close();
    throw new PreconditionFailedError('the store ignored If-Match and answered with another version', details);
  }
  const wrong =
    etag === undefined || size === undefined
      ? 'the answer lacks ETag or Content-Length'
      : range !== undefined && contentRange?.startsWith(`bytes ${start}-`) !== true
        ? `asked for bytes ${start}-${end ?? ''}, got ${contentRange ?? 'all'}`
        : undefined;
  if (etag === undefined || size === undefined || wrong !== undefined) {
    body.close();
    throw new StoreError(wrong ?? '', details);
  }
  return { body, size, etag: stripQuotes(etag), lastModified: lastModified ?? 0, metadata };
}

/** A range that begins at or after the end, or a range of an empty object: S3 answers 416, we an empty body. */
async function emptyBody(
  { head }: ReadRequests,
  key: string,
  start: number,
  ifMatch: string | undefined,
  refusal: StoreError,
  signal: AbortSignal | undefined,
): Promise<ObjectBody> {
  const { etag, size, lastModified, metadata } = await head(key, ifMatch, signal);
  // The object has changed in between, or the store has other reasons.
  if (start < size) throw refusal;
  const chunks = Readable.from([]);
  return { etag, size: 0, lastModified, metadata, chunks, bytes: () => Promise.resolve(new Uint8Array()) };
}
