import { createHash } from 'node:crypto';
import {
  type DeleteResult,
  type DeleteTarget,
  type GetOptions,
  type ListOptions,
  type ListPage,
  NotFoundError,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  PreconditionFailedError,
  type PutOptions,
} from '@cordwood/log-store';

interface Stored extends ObjectInfo {
  readonly bytes: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * A bucket in memory, for property tests that need thousands of them. It passes the conformance suite that the S3 one passes.
 * Its clock stands still unless it is moved, and every operation can be made to fail by `before`.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly bucket = 'memory';
  /** The store's clock, ms since 1970. */
  clock: number;
  /** Called before every operation; what it throws, the operation throws. */
  before: (operation: string, key: string) => void | Promise<void> = () => undefined;
  /** Number of requests so far, by operation. */
  readonly requests = new Map<string, number>();
  readonly objects = new Map<string, Stored>();

  constructor(clock = Date.UTC(2026, 10, 21)) {
    this.clock = clock;
  }

  now(): number {
    return this.clock;
  }

  async *list(options: ListOptions): AsyncIterable<ListPage> {
    const { prefix, delimiter, startAfter = '', pageSize = 1000 } = options;
    let objects: ObjectInfo[] = [];
    let prefixes: string[] = [];
    await this.request('list', prefix);
    const matching = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > startAfter);
    for (const key of matching.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
      const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      const common = delimiter === undefined || cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
      if (common !== undefined && prefixes.at(-1) === common) continue;
      if (objects.length + prefixes.length === pageSize) {
        yield { objects, prefixes };
        objects = [];
        prefixes = [];
        await this.request('list', prefix);
      }
      const object = this.objects.get(key);
      if (common !== undefined) prefixes.push(common);
      else if (object !== undefined) objects.push(info(object));
    }
    yield { objects, prefixes };
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    options.signal?.throwIfAborted();
    await this.request('get', key);
    const object = this.existing('get', key);
    if (options.ifMatch !== undefined && options.ifMatch !== object.etag) throw this.refused('get', key);
    const { start = 0, end = object.size, signal } = options;
    if (end < start) throw new RangeError(`get ${key}: the range ends before it starts`);
    const bytes = object.bytes.subarray(start, end + 1);
    const chunks = pieces(bytes, signal);
    let isRead = false;
    return {
      ...info(object),
      size: bytes.length,
      metadata: object.metadata,
      chunks,
      bytes: async (target, onFilled) => {
        if (isRead) throw new Error(`${key} was already read`);
        isRead = true;
        const fits = target !== undefined && target.length >= bytes.length;
        const whole = fits ? target.subarray(0, bytes.length) : Buffer.alloc(bytes.length);
        let filled = 0;
        for await (const chunk of chunks) {
          whole.set(chunk, filled);
          filled += chunk.length;
          onFilled?.(filled);
        }
        return whole;
      },
    };
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<{ readonly etag: string }> {
    options.signal?.throwIfAborted();
    await this.request('put', key);
    options.beforeSend?.();
    const { condition } = options;
    const existing = this.objects.get(key);
    if (condition !== undefined && 'absent' in condition && existing !== undefined) throw this.refused('put', key);
    if (condition !== undefined && 'etag' in condition) {
      if (existing?.etag !== condition.etag) throw this.refused('put', key);
    }
    const bytes = Uint8Array.from(body);
    const etag = createHash('md5').update(bytes).digest('hex');
    this.objects.set(key, {
      key,
      etag,
      size: bytes.length,
      lastModified: Math.floor(this.clock / 1000) * 1000,
      bytes,
      metadata: options.metadata ?? {},
    });
    return { etag };
  }

  async head(key: string): Promise<ObjectInfo & { readonly metadata: Readonly<Record<string, string>> }> {
    await this.request('head', key);
    const object = this.existing('head', key);
    return { ...info(object), metadata: object.metadata };
  }

  async copy(from: string, to: string, options: { readonly ifMatch?: string } = {}): Promise<void> {
    await this.request('copy', from);
    const object = this.existing('copy', from);
    if (options.ifMatch !== undefined && options.ifMatch !== object.etag) throw this.refused('copy', from);
    this.objects.set(to, { ...object, key: to, lastModified: Math.floor(this.clock / 1000) * 1000 });
  }

  async deleteMany(targets: readonly DeleteTarget[]): Promise<DeleteResult> {
    const deleted: string[] = [];
    for (let from = 0; from < targets.length; from += 1000) {
      await this.request('delete', targets[from]?.key ?? '');
      for (const { key, etag } of targets.slice(from, from + 1000)) {
        const existing = this.objects.get(key);
        if (etag === undefined || existing?.etag === etag) this.objects.delete(key);
        if (this.objects.get(key) === undefined) deleted.push(key);
      }
    }
    const failed = targets
      .filter(({ key }) => this.objects.has(key))
      .map(({ key }) => ({ key, code: 'PreconditionFailed', message: 'the object was replaced' }));
    return { deleted, failed };
  }

  async deleteUnchanged(key: string, etag: string): Promise<boolean> {
    await this.request('delete', key);
    const existing = this.objects.get(key);
    if (existing !== undefined && existing.etag !== etag) throw this.refused('delete', key);
    return this.objects.delete(key) || existing === undefined;
  }

  private async request(operation: string, key: string): Promise<void> {
    this.requests.set(operation, (this.requests.get(operation) ?? 0) + 1);
    await this.before(operation, key);
  }

  private existing(operation: string, key: string): Stored {
    const object = this.objects.get(key);
    if (object === undefined) throw new NotFoundError('no such key', { operation, bucket: this.bucket, key });
    return object;
  }

  private refused(operation: string, key: string): PreconditionFailedError {
    return new PreconditionFailedError('the condition does not hold', { operation, bucket: this.bucket, key });
  }
}

const info = ({ key, etag, size, lastModified }: Stored): ObjectInfo => ({ key, etag, size, lastModified });

/** In chunks of a size that is a multiple of nothing, so that lines and gzip members are cut anywhere. */
async function* pieces(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_521) {
    signal?.throwIfAborted();
    yield await Promise.resolve(bytes.subarray(at, at + 65_521));
  }
}
