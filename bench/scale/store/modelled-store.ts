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
} from '@cordwood/log-store';
import type { MemoryObjectStore } from '@cordwood/testkit';
import type { LatencyModel, RequestKind } from '../model/latency.ts';
import type { RequestLimits } from '../model/request-limits.ts';
import type { VirtualTime } from '../model/virtual-time.ts';
import { addUsage, type Area, areaOf, NO_USAGE, type Usage } from './usage.ts';

/** Keys that one DeleteObjects takes. */
const DELETE_BATCH = 1000;

export interface ModelledStoreOptions {
  /** The bucket. Its clock goes by `time`. */
  readonly inner: MemoryObjectStore;
  readonly time: VirtualTime;
  readonly latency: LatencyModel;
  readonly limits?: RequestLimits;
  /** For how many ms the caller's processor is busy with a request, before it is sent: those of one caller stand in a queue. */
  readonly cpuMs?: number;
}

/** A bucket as if it were far away: every request takes (virtual) time, waits where its prefix is busy, and is counted. */
export class ModelledStore implements ObjectStore {
  readonly bucket = 'modelled';
  private readonly options: ModelledStoreOptions;
  private used = NO_USAGE;
  private cpuFreeAt = 0;

  constructor(options: ModelledStoreOptions) {
    this.options = options;
  }

  /** What was asked of it since it was asked the last time. */
  takeUsage(): Usage {
    const { used } = this;
    this.used = NO_USAGE;
    return used;
  }

  now(): number {
    return this.options.time.now;
  }

  async *list(options: ListOptions): AsyncIterable<ListPage> {
    for await (const page of this.inner.list(options)) {
      await this.request('LIST', options.prefix);
      yield page;
    }
  }

  async get(key: string, options?: GetOptions): Promise<ObjectBody> {
    const whole = this.options.inner.objects.get(key)?.size ?? 0;
    const { start = 0, end = whole - 1 } = options ?? {};
    await this.request('GET', key, { down: Math.max(0, Math.min(end, whole - 1) - start + 1) });
    return this.inner.get(key, options);
  }

  async put(key: string, body: Uint8Array, options?: PutOptions): Promise<{ readonly etag: string }> {
    await this.request('PUT', key, { up: body.length });
    return this.inner.put(key, body, options);
  }

  async head(key: string): Promise<ObjectInfo & { readonly metadata: Readonly<Record<string, string>> }> {
    await this.request('HEAD', key);
    return this.inner.head(key);
  }

  async copy(from: string, to: string, options?: { readonly ifMatch?: string }): Promise<void> {
    await this.request('COPY', to);
    return this.inner.copy(from, to, options);
  }

  async deleteMany(targets: readonly DeleteTarget[]): Promise<DeleteResult> {
    for (let from = 0; from < targets.length; from += DELETE_BATCH) {
      const keys = Math.min(DELETE_BATCH, targets.length - from);
      await this.request('DELETE', targets[from]?.key ?? '', { keys });
    }
    return this.inner.deleteMany(targets);
  }

  async deleteUnchanged(key: string, etag: string): Promise<boolean> {
    await this.request('DELETE', key);
    return this.inner.deleteUnchanged(key, etag);
  }

  /** The bucket, at the time of now. */
  private get inner(): MemoryObjectStore {
    const { inner, time } = this.options;
    inner.clock = time.now;
    return inner;
  }

  private async request(
    kind: RequestKind,
    key: string,
    { up = 0, down = 0, keys = 1 }: { readonly up?: number; readonly down?: number; readonly keys?: number } = {},
  ): Promise<void> {
    const { time, latency, limits, cpuMs = 0 } = this.options;
    const area = areaOf(key);
    this.used = addUsage(this.used, one(kind, area, { up, down, keys }));
    this.cpuFreeAt = Math.max(this.cpuFreeAt, time.now) + cpuMs;
    if (this.cpuFreeAt > time.now) await time.sleep(this.cpuFreeAt - time.now);
    // Whether S3 has split a bucket is not to be known: a new one is one prefix.
    const held = limits?.wait('', kind, time.now, keys) ?? 0;
    await time.sleep(held + latency.next(kind, up + down));
  }
}

function one(
  kind: RequestKind,
  area: Area,
  { up, down, keys }: { readonly up: number; readonly down: number; readonly keys: number },
): Usage {
  const isWrite = kind === 'PUT' || kind === 'COPY' || kind === 'DELETE';
  return {
    requests: { ...NO_USAGE.requests, [kind]: 1 },
    writes: { ...NO_USAGE.writes, ...(isWrite && { [area]: keys }) },
    reads: { ...NO_USAGE.reads, ...(!isWrite && { [area]: 1 }) },
    bytesUp: up,
    bytesDown: down,
  };
}
