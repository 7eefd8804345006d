/**
 * The port to the bucket. It knows objects and conditions, nothing of logs.
 * Every implementation passes the conformance suite in `object-store.conformance.ts`.
 */

/** What a listing tells of an object. `etag` is without quotes. Sizes are stored bytes; times are the store's clock, in ms since 1970. */
export interface ObjectInfo {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  /** Whole seconds from `get` and `head` (their header has no more), ms from `list` where the store tells them. */
  readonly lastModified: number;
}

/** One page of a listing: keys in ascending UTF-8 order; `prefixes` only when a delimiter was given. */
export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  readonly prefixes: readonly string[];
}

export interface ListOptions {
  readonly prefix: string;
  readonly delimiter?: string;
  /** Only keys strictly after this one. */
  readonly startAfter?: string;
  /** Keys and prefixes per page; at most 1000, which is also the default. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  /** First byte, counted from 0. */
  readonly start?: number;
  /** Last byte, inclusive. A range beyond the object's end is cut; one that begins there gives an empty body. */
  readonly end?: number;
  /** Answer only while the object still has this ETag; else PreconditionFailedError. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
}

/**
 * An object being read. The body is a single-use stream of chunks with backpressure; abandoning it (`break`, `return`, abort of
 * the signal) closes the connection. A body cut short by the network is resumed where it broke off with a ranged GET that carries
 * If-Match, a few times; only then it throws. It never ends early without an error.
 */
export interface ObjectBody {
  readonly etag: string;
  /** Bytes that this body will deliver (the range's length for ranged reads). */
  readonly size: number;
  readonly lastModified: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly chunks: AsyncIterable<Uint8Array>;
  /**
   * The whole body as one array: the beginning of `target` if it fits in there, or one of its own. Uses up `chunks`. `onFilled`: called with how
   * many bytes from the beginning of the array have come, again and again.
   */
  bytes(target?: Uint8Array, onFilled?: (bytes: number) => void): Promise<Uint8Array>;
}

/** A condition on a write. `absent`: create only. `etag`: replace only while unchanged; an object that is gone has changed. */
export type WriteCondition = { readonly absent: true } | { readonly etag: string };

export interface PutOptions {
  readonly contentType?: string;
  /** User metadata; keys in lower case, ASCII values. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Left out where the store is known to refuse conditions, and worth nothing where it is known to ignore them. */
  readonly condition?: WriteCondition;
  readonly signal?: AbortSignal;
  /** Called right before each try is sent: when it throws, that try is not sent, and the put rejects with what it threw (a StoreError). */
  readonly beforeSend?: () => void;
}

/** An object to delete; with `etag`, only that version of it, where the store honours conditional deletes. */
export interface DeleteTarget {
  readonly key: string;
  readonly etag?: string;
}

/** What became of a batch of deletions. Deleting what does not exist counts as deleted, as S3 does. */
export interface DeleteResult {
  readonly deleted: readonly string[];
  readonly failed: readonly { readonly key: string; readonly code: string; readonly message: string }[];
}

/**
 * Errors (`errors.ts`), all of which name operation, bucket and key: NotFoundError (no such key), PreconditionFailedError (the
 * condition of a read or write did not hold, or a concurrent conditional write got in the way: read again, decide again),
 * AccessDeniedError, NoSuchBucketError, QuotaExceededError (no room left), StoreUnavailableError (network, 5xx, throttling after
 * the client's own retries; the outcome of a write is then unknown), StoreError (any other). An aborted operation rejects with
 * its signal's reason.
 */
export interface ObjectStore {
  readonly bucket: string;
  /** Pages of a listing, one request each, fetched as they are asked for. */
  list(options: ListOptions): AsyncIterable<ListPage>;
  get(key: string, options?: GetOptions): Promise<ObjectBody>;
  /** Stores the bytes and gives the new object's ETag. The same bytes are sent again on every retry. */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<{ readonly etag: string }>;
  head(
    key: string,
    signal?: AbortSignal,
  ): Promise<ObjectInfo & { readonly metadata: Readonly<Record<string, string>> }>;
  /**
   * Copies within the bucket, on the server, user metadata included. `ifMatch`: only that version of the source; when that is
   * refused, what stands at the target is undefined.
   */
  copy(from: string, to: string, options?: { readonly ifMatch?: string; readonly signal?: AbortSignal }): Promise<void>;
  /** Deletes in as few requests as the store allows (1,000 a request). */
  deleteMany(targets: readonly DeleteTarget[], signal?: AbortSignal): Promise<DeleteResult>;
  /**
   * Deletes the object only while it still has this ETag, else throws PreconditionFailedError. What is gone counts as deleted, on some
   * stores as changed. False, and nothing done, where the store does not honour conditional deletes.
   */
  deleteUnchanged(key: string, etag: string, signal?: AbortSignal): Promise<boolean>;
  /** The store's clock in ms since 1970, from the Date header of its last answer; never a worker's own clock. Throws before the first answer. */
  now(): number;
}

/** As much of a store as reading objects takes. */
export type ReadableStore = Pick<ObjectStore, 'get'>;
