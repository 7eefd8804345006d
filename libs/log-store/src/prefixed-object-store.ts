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

/**
 * A part of a bucket as if it were all of it: everything below `prefix` (`BUCKET_PREFIX`), keys given and taken without it.
 * Errors name the full key, as it stands in the bucket.
 */
export class PrefixedObjectStore implements ObjectStore {
  readonly bucket: string;
  readonly prefix: string;
  readonly #inner: ObjectStore;

  /** A prefix gets a `/` at its end unless it has one; the empty one changes nothing. */
  constructor(inner: ObjectStore, prefix: string) {
    this.#inner = inner;
    this.bucket = inner.bucket;
    this.prefix = normalizePrefix(prefix);
  }

  async *list(options: ListOptions): AsyncIterable<ListPage> {
    const within: ListOptions = {
      ...options,
      prefix: this.prefix + options.prefix,
      ...(options.startAfter !== undefined && { startAfter: this.prefix + options.startAfter }),
    };
    for await (const page of this.#inner.list(within)) {
      yield {
        objects: page.objects.map((object) => ({ ...object, key: this.#strip(object.key) })),
        prefixes: page.prefixes.map((prefix) => this.#strip(prefix)),
      };
    }
  }

  get(key: string, options?: GetOptions): Promise<ObjectBody> {
    return this.#inner.get(this.prefix + key, options);
  }

  put(key: string, body: Uint8Array, options?: PutOptions): Promise<{ readonly etag: string }> {
    return this.#inner.put(this.prefix + key, body, options);
  }

  async head(
    key: string,
    signal?: AbortSignal,
  ): Promise<ObjectInfo & { readonly metadata: Readonly<Record<string, string>> }> {
    const info = await this.#inner.head(this.prefix + key, signal);
    return { ...info, key };
  }

  copy(
    from: string,
    to: string,
    options?: { readonly ifMatch?: string; readonly signal?: AbortSignal },
  ): Promise<void> {
    return this.#inner.copy(this.prefix + from, this.prefix + to, options);
  }

  async deleteMany(targets: readonly DeleteTarget[], signal?: AbortSignal): Promise<DeleteResult> {
    const within = targets.map((target) => ({ ...target, key: this.prefix + target.key }));
    const result = await this.#inner.deleteMany(within, signal);
    return {
      deleted: result.deleted.map((key) => this.#strip(key)),
      failed: result.failed.map((failure) => ({ ...failure, key: this.#strip(failure.key) })),
    };
  }

  deleteUnchanged(key: string, etag: string, signal?: AbortSignal): Promise<boolean> {
    return this.#inner.deleteUnchanged(this.prefix + key, etag, signal);
  }

  now(): number {
    return this.#inner.now();
  }

  #strip(key: string): string {
    return key.slice(this.prefix.length);
  }
}

/** `BUCKET_PREFIX` as it stands before keys. */
export function normalizePrefix(prefix: string): string {
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}
