import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { NotFoundError, StoreError } from './errors.ts';
import type {
  DeleteResult,
  DeleteTarget,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from './object-store.ts';
import { bodyChunks, collect } from './s3-body.ts';
import { createS3Client, type S3ClientOptions } from './s3-client.ts';
import { deleteBatches, deleteOne } from './s3-delete.ts';
import { ASSUMED_DIALECT, inForm, probeDialect, type StoreDialect } from './s3-dialect.ts';
import { listPages } from './s3-list.ts';
import { send, stripQuotes } from './s3-send.ts';
import { StoreClock } from './store-clock.ts';

export interface S3ObjectStoreOptions extends S3ClientOptions {
  readonly bucket: string;
}

/** The bucket, reached as the options and otherwise the SDK's own environment say. */
export function createS3ObjectStore(options: S3ObjectStoreOptions): S3ObjectStore {
  const clock = new StoreClock();
  const client = createS3Client(options, (head) => {
    // A 5xx may come from a proxy in front of the store, and with the proxy's clock.
    if (head.statusCode < 500) clock.observe(head.headers['date']);
  });
  return new S3ObjectStore(client, options.bucket, clock);
}

/** An ObjectStore over the AWS SDK. Safe for any number of operations at the same time. */
export class S3ObjectStore implements ObjectStore {
  readonly bucket: string;
  readonly #client: S3Client;
  readonly #clock: StoreClock;
  #dialect = ASSUMED_DIALECT;

  constructor(client: S3Client, bucket: string, clock: StoreClock) {
    this.#client = client;
    this.bucket = bucket;
    this.#clock = clock;
  }

  /** What is known, or until `probe()` assumed, of the store's ways. */
  get dialect(): StoreDialect {
    return this.#dialect;
  }

  /** The self-test for start-up: finds out the dialect and keeps to it from here on. Needs the right to put and delete. */
  async probe(prefix = ''): Promise<StoreDialect> {
    this.#dialect = await probeDialect(
      {
        put: (key, body, { ifMatch, ifNoneMatch } = {}) =>
          this.#put({
            Key: key,
            Body: body,
            ...(ifMatch !== undefined && { IfMatch: ifMatch }),
            ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
          }),
        copy: (from, to, ifMatch) => this.#copy(from, to, ifMatch),
        exists: (key) => this.#exists(key),
        delete: (key, ifMatch) => deleteOne(this.#client, this.bucket, { key, ifMatch }),
        deleteBatch: async (targets) => {
          await deleteBatches(this.#client, this.bucket, targets, { conditional: true, conditionalSingle: false });
        },
      },
      prefix,
    );
    return this.#dialect;
  }

  /** Closes idle connections; for tests and orderly ends. */
  close(): void {
    this.#client.destroy();
  }

  list(options: ListOptions): AsyncIterable<ListPage> {
    return listPages(this.#client, this.bucket, options);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    const { start = 0, end, ifMatch, signal } = options;
    if (start < 0 || (end !== undefined && end < start)) {
      throw new RangeError(`no range of bytes: ${start} to ${end ?? 'the end'}`);
    }
    let head: OpenedObject;
    try {
      head = await this.#get(key, { start, end }, ifMatch, signal);
    } catch (error) {
      if (!(error instanceof StoreError) || error.status !== 416) throw error;
      return this.#emptyBody(key, start, ifMatch, error, signal);
    }
    const { etag, size } = head;
    const chunks = bodyChunks({
      first: head.body,
      size,
      details: { operation: 'GetObject', bucket: this.bucket, key },
      signal,
      reopen: async (position) => {
        const rest = { start: start + position, end: start + size - 1 };
        return (await this.#get(key, rest, etag, signal)).body;
      },
    });
    return {
      etag,
      size,
      lastModified: head.lastModified,
      metadata: head.metadata,
      chunks,
      bytes: () => collect(chunks, size),
    };
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<{ readonly etag: string }> {
    const { condition, contentType, metadata, signal } = options;
    return this.#put(
      {
        Key: key,
        Body: body,
        ...(contentType !== undefined && { ContentType: contentType }),
        ...(metadata !== undefined && { Metadata: { ...metadata } }),
        ...(condition !== undefined &&
          ('absent' in condition ? { IfNoneMatch: '*' } : { IfMatch: this.#condition(condition.etag) })),
      },
      signal,
    );
  }

  async head(
    key: string,
    signal?: AbortSignal,
  ): Promise<ObjectInfo & { readonly metadata: Readonly<Record<string, string>> }> {
    return this.#head(key, undefined, signal);
  }

  async copy(
    from: string,
    to: string,
    options: { readonly ifMatch?: string; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { ifMatch, signal } = options;
    if (ifMatch === undefined) return this.#copy(from, to, undefined, signal);
    if (this.#dialect.conditionalCopy) return this.#copy(from, to, this.#condition(ifMatch), signal);
    // The same ETag before and after: so it was this version that was copied in between.
    await this.#head(from, ifMatch, signal);
    await this.#copy(from, to, undefined, signal);
    await this.#head(from, ifMatch, signal);
  }

  async deleteMany(targets: readonly DeleteTarget[], signal?: AbortSignal): Promise<DeleteResult> {
    const prepared = targets.map(({ key, etag }) =>
      etag === undefined ? { key } : { key, etag: this.#condition(etag) },
    );
    return deleteBatches(this.#client, this.bucket, prepared, {
      conditional: this.#dialect.conditionalBatchDelete,
      conditionalSingle: this.#dialect.conditionalDelete,
      signal,
    });
  }

  now(): number {
    const now = this.#clock.now();
    if (now === undefined)
      throw new StoreError('the store has not answered yet', { operation: 'now', bucket: this.bucket });
    return now;
  }

  #condition(etag: string): string {
    return inForm(this.#dialect.etagForm, etag);
  }

  async #put(input: Omit<PutObjectCommandInput, 'Bucket'>, signal?: AbortSignal): Promise<{ readonly etag: string }> {
    const conditionalWrite = input.IfMatch !== undefined || input.IfNoneMatch !== undefined;
    const failed = { operation: 'PutObject', bucket: this.bucket, key: input.Key, conditionalWrite };
    const { ETag } = await send(failed, signal, (abort) =>
      this.#client.send(new PutObjectCommand({ ...input, Bucket: this.bucket }), abort),
    );
    if (ETag === undefined) throw new StoreError('the answer lacks the ETag', failed);
    return { etag: stripQuotes(ETag) };
  }

  async #get(
    key: string,
    { start, end }: { start: number; end: number | undefined },
    ifMatch: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<OpenedObject> {
    const ranged = start > 0 || end !== undefined;
    const input = {
      Bucket: this.bucket,
      Key: key,
      ...(ranged && { Range: `bytes=${start}-${end ?? ''}` }),
      ...(ifMatch !== undefined && { IfMatch: this.#condition(ifMatch) }),
    };
    const details = { operation: 'GetObject', bucket: this.bucket, key };
    const answer = await send(details, signal, (abort) => this.#client.send(new GetObjectCommand(input), abort));
    const body = answer.Body as Readable;
    const { ETag, ContentLength: size } = answer;
    const wrong =
      ETag === undefined || size === undefined
        ? 'the answer lacks ETag or Content-Length'
        : ranged && answer.ContentRange?.startsWith(`bytes ${start}-`) !== true
          ? `asked for bytes ${start}-${end ?? ''}, got ${answer.ContentRange ?? 'all'}`
          : undefined;
    if (ETag === undefined || size === undefined || wrong !== undefined) {
      body.destroy();
      throw new StoreError(wrong ?? '', details);
    }
    return {
      body,
      size,
      etag: stripQuotes(ETag),
      lastModified: answer.LastModified?.getTime() ?? 0,
      metadata: answer.Metadata ?? {},
    };
  }

  async #head(
    key: string,
    ifMatch: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ObjectInfo & { readonly metadata: Readonly<Record<string, string>> }> {
    const input = {
      Bucket: this.bucket,
      Key: key,
      ...(ifMatch !== undefined && { IfMatch: this.#condition(ifMatch) }),
    };
    const answer = await send({ operation: 'HeadObject', bucket: this.bucket, key }, signal, (abort) =>
      this.#client.send(new HeadObjectCommand(input), abort),
    );
    return {
      key,
      etag: stripQuotes(answer.ETag ?? ''),
      size: answer.ContentLength ?? 0,
      lastModified: answer.LastModified?.getTime() ?? 0,
      metadata: answer.Metadata ?? {},
    };
  }

  async #copy(from: string, to: string, sourceIfMatch?: string, signal?: AbortSignal): Promise<void> {
    const input = {
      Bucket: this.bucket,
      Key: to,
      CopySource: [this.bucket, ...from.split('/')].map(encodeURIComponent).join('/'),
      ...(sourceIfMatch !== undefined && { CopySourceIfMatch: sourceIfMatch }),
    };
    await send({ operation: 'CopyObject', bucket: this.bucket, key: from }, signal, (abort) =>
      this.#client.send(new CopyObjectCommand(input), abort),
    );
  }

  async #exists(key: string): Promise<boolean> {
    try {
      await this.#head(key, undefined, undefined);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  /** A range that begins at or after the end, or a range of an empty object: S3 answers 416, we an empty body. */
  async #emptyBody(
    key: string,
    start: number,
    ifMatch: string | undefined,
    refusal: StoreError,
    signal: AbortSignal | undefined,
  ): Promise<ObjectBody> {
    const { etag, size, lastModified, metadata } = await this.#head(key, ifMatch, signal);
    // The object has changed in between, or the store has other reasons.
    if (start < size) throw refusal;
    const chunks = Readable.from([]);
    return { etag, size: 0, lastModified, metadata, chunks, bytes: () => Promise.resolve(new Uint8Array()) };
  }
}

interface OpenedObject extends Omit<ObjectInfo, 'key'> {
  readonly metadata: Readonly<Record<string, string>>;
  readonly body: Readable;
}
