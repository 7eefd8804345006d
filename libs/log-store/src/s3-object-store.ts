import { CopyObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { NotFoundError, PreconditionFailedError, StoreError } from './errors.ts';
import type {
  DeleteResult,
  DeleteTarget,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectBody,
  ObjectStore,
  PutOptions,
  WriteCondition,
} from './object-store.ts';
import type { HttpConnections } from './http-connections.ts';
import { createS3Client, type ObservedClient, type S3ClientOptions } from './s3-client.ts';
import { deleteBatches, deleteOne } from './s3-delete.ts';
import { ASSUMED_DIALECT, inForm, probeDialect, type StoreDialect } from './s3-dialect.ts';
import { DirectGet } from './s3-direct-get.ts';
import { getObject, type ObjectHead } from './s3-get.ts';
import { DirectList } from './s3-list.ts';
import { DirectPut, type PutRequest } from './s3-put.ts';
import { send, stripQuotes } from './s3-send.ts';
import { StoreClock } from './store-clock.ts';

export interface S3ObjectStoreOptions extends S3ClientOptions {
  readonly bucket: string;
}

/** The bucket, reached as the options and otherwise the SDK's own environment say. */
export function createS3ObjectStore(options: S3ObjectStoreOptions): S3ObjectStore {
  const clock = new StoreClock();
  const observed = createS3Client(options, (head) => {
    // A 5xx may come from a proxy in front of the store, and with the proxy's clock.
    if (head.statusCode < 500) clock.observe(head.headers['date']);
  });
  return new S3ObjectStore(observed, options.bucket, clock);
}

/** An ObjectStore over the AWS SDK. Safe for any number of operations at the same time. */
export class S3ObjectStore implements ObjectStore {
  readonly bucket: string;
  readonly #client: S3Client;
  readonly #connections: HttpConnections;
  readonly #getter: DirectGet;
  readonly #putter: DirectPut;
  readonly #lister: DirectList;
  readonly #clock: StoreClock;
  #dialect = ASSUMED_DIALECT;

  constructor(observed: ObservedClient, bucket: string, clock: StoreClock) {
    this.#client = observed.client;
    this.#connections = observed.connections;
    this.#getter = new DirectGet(observed, bucket);
    this.#putter = new DirectPut(observed, bucket);
    this.#lister = new DirectList(observed, bucket);
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
        put: (key, body, conditions = {}) => this.#putter.put({ key, body, ...conditions }),
        copy: (from, to, ifMatch) => this.#copy(from, to, ifMatch),
        etagOf: (key) => this.#etagOf(key),
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
    this.#connections.close();
  }

  list(options: ListOptions): AsyncIterable<ListPage> {
    return this.#lister.pages(options);
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    return getObject(
      {
        bucket: this.bucket,
        request: (wanted, signal) => this.#getter.get(wanted, signal),
        condition: (etag) => this.#condition(etag),
        head: (wanted, ifMatch, signal) => this.#head(wanted, ifMatch, signal),
      },
      key,
      options,
    );
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<{ readonly etag: string }> {
    const { condition, contentType, metadata, signal, beforeSend } = options;
    const conditions = condition === undefined ? {} : this.#writeCondition(condition);
    return this.#putter.put({ key, body, contentType, metadata, ...conditions }, { signal, beforeSend });
  }

  async head(key: string, signal?: AbortSignal): Promise<ObjectHead> {
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

  async deleteUnchanged(key: string, etag: string, signal?: AbortSignal): Promise<boolean> {
    if (!this.#dialect.conditionalDelete) return false;
    try {
      await deleteOne(this.#client, this.bucket, { key, ifMatch: this.#condition(etag) }, signal);
    } catch (error) {
      if (error instanceof NotFoundError) return true;
      // Somebody writes it right now.
      if (!(error instanceof StoreError) || error.status !== 409) throw error;
      const { operation, bucket, status, code } = error;
      throw new PreconditionFailedError('it is being written', { operation, bucket, key, status, code, cause: error });
    }
    return true;
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

  /** A store that refuses conditions gets none: who needs them must have found that out by the dialect. */
  #writeCondition(condition: WriteCondition): Pick<PutRequest, 'ifMatch' | 'ifNoneMatch'> {
    const { conditionalCreate, conditionalReplace } = this.#dialect;
    if ('absent' in condition) return conditionalCreate === 'refused' ? {} : { ifNoneMatch: '*' };
    return conditionalReplace === 'refused' ? {} : { ifMatch: this.#condition(condition.etag) };
  }

  async #head(key: string, ifMatch: string | undefined, signal: AbortSignal | undefined): Promise<ObjectHead> {
    const input = {
      Bucket: this.bucket,
      Key: key,
      ...(ifMatch !== undefined && { IfMatch: this.#condition(ifMatch) }),
    };
    const details = { operation: 'HeadObject', bucket: this.bucket, key };
    const answer = await send(details, signal, (abort) => this.#client.send(new HeadObjectCommand(input), abort));
    const etag = stripQuotes(answer.ETag ?? '');
    if (ifMatch !== undefined && etag !== ifMatch) {
      throw new PreconditionFailedError('the store ignored If-Match and answered with another version', details);
    }
    return {
      key,
      etag,
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

  async #etagOf(key: string): Promise<string | undefined> {
    try {
      return (await this.#head(key, undefined, undefined)).etag;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }
}
