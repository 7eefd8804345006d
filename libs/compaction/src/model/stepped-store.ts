import { setImmediate } from 'node:timers/promises';
import {
  type DeleteResult,
  type DeleteTarget,
  type GetOptions,
  type ListOptions,
  type ListPage,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  StoreUnavailableError,
} from '@cordwood/log-store';

/**
 * What becomes of a request. `refused`: not carried out, and no answer. `unanswered`: carried out, and no answer. `repeated`: the answer
 * was lost, so the client sent it again, and this is the second answer. `late`: no answer, and it is carried out at some later time.
 * `lingering`: answered, and a copy of it is carried out again at some later time. `dies …`: the process is killed, before or after it is
 * carried out.
 */
export const OUTCOMES = [
  'answered',
  'refused',
  'unanswered',
  'repeated',
  'late',
  'lingering',
  'dies before',
  'dies after',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

interface Request {
  readonly operation: string;
  readonly key: string;
  carryOut(): Promise<unknown>;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** Writes of the past that the network still holds. */
export type Lingering = () => Promise<unknown>;

/**
 * A process at work on a shared store. Each of its requests waits until it is let through, so that a history decides in which order
 * those of several processes reach the store.
 */
export class SteppedStore implements ObjectStore {
  readonly bucket: string;
  private readonly inner: ObjectStore;
  private readonly waiting: Request[] = [];
  private made = 0;
  private dead = false;
  private over = false;

  constructor(inner: ObjectStore) {
    this.inner = inner;
    this.bucket = inner.bucket;
  }

  /** Whether the process was killed, or its work is over. */
  get isOver(): boolean {
    return this.dead || this.over;
  }

  /** The requests that wait, by operation and key. */
  get pending(): readonly string[] {
    return this.waiting.map(({ operation, key }) => `${operation} ${key}`);
  }

  /** Notices the end of the work that uses this store. */
  async follow(work: Promise<unknown>): Promise<void> {
    await work;
    this.over = true;
  }

  kill(): void {
    this.dead = true;
    this.waiting.length = 0;
  }

  /** Lets one of the waiting requests through, taken modulo their number. Gives what will be carried out later, if anything. */
  async step(which: number, outcome: Outcome): Promise<Lingering | undefined> {
    const [request] = this.waiting.splice(which % this.waiting.length, 1);
    if (request === undefined) return undefined;
    const before = this.made;
    const lingering = await this.pass(request, outcome);
    await this.settle(before);
    return lingering;
  }

  /** Waits until the process can do nothing more without an answer. */
  async settle(before = 0): Promise<void> {
    const start = performance.now();
    for (let turn = 0; !this.isOver; turn++) {
      await setImmediate();
      if (this.made > before && this.waiting.length > 0) {
        // One more turn for requests that are made side by side.
        await setImmediate();
        return;
      }
      if (this.waiting.length > 0 && turn > 3) return;
      if (performance.now() - start > 60_000) throw new Error('a worker neither asks for anything nor ends');
    }
  }

  private async pass(request: Request, outcome: Outcome): Promise<Lingering | undefined> {
    const { operation, key } = request;
    const unavailable = (): void => {
      request.reject(new StoreUnavailableError('no answer', { operation, bucket: this.bucket, key }));
    };
    const isWrite = operation === 'put' || operation === 'delete' || operation === 'copy';
    switch (outcome) {
      case 'dies before':
      case 'dies after':
        if (outcome === 'dies after') await request.carryOut().catch(() => undefined);
        this.kill();
        return undefined;
      case 'refused':
        unavailable();
        return undefined;
      case 'late':
        unavailable();
        return isWrite ? async () => request.carryOut() : undefined;
      case 'unanswered':
        await request.carryOut().catch(() => undefined);
        unavailable();
        return undefined;
      case 'repeated':
        await request.carryOut().catch(() => undefined);
        break;
      case 'answered':
      case 'lingering':
    }
    await request.carryOut().then(
      (answer) => {
        request.resolve(answer);
      },
      (error: unknown) => {
        request.reject(error);
      },
    );
    return outcome === 'lingering' && isWrite ? async () => request.carryOut() : undefined;
  }

  /** Waits for its turn; the client of a read waits like this too. */
  async request<T>(operation: string, key: string, carryOut: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.dead) return;
      this.made++;
      this.waiting.push({ operation, key, carryOut, resolve, reject });
    });
  }

  now(): number {
    return this.inner.now();
  }

  /** In small pages, each of what is there when it is asked for. */
  async *list({ prefix, signal }: ListOptions): AsyncIterable<ListPage> {
    const pageSize = 4;
    for (let startAfter = ''; ;) {
      const page = await this.request('list', prefix, async () => {
        for await (const first of this.inner.list({ prefix, startAfter, pageSize, ...(signal && { signal }) }))
          return first;
        throw new Error('a listing without a page');
      });
      yield page;
      const last = page.objects.at(-1);
      if (last === undefined || page.objects.length < pageSize) return;
      startAfter = last.key;
    }
  }

  async get(key: string, options?: GetOptions): Promise<ObjectBody> {
    return this.request('get', key, async () => this.inner.get(key, options));
  }

  async put(key: string, body: Uint8Array, options?: PutOptions): Promise<{ readonly etag: string }> {
    const bytes = Uint8Array.from(body);
    return this.request('put', key, async () => this.inner.put(key, bytes, options));
  }

  async head(key: string): Promise<ObjectInfo & { readonly metadata: Readonly<Record<string, string>> }> {
    return this.request('head', key, async () => this.inner.head(key));
  }

  async copy(from: string, to: string, options?: { readonly ifMatch?: string }): Promise<void> {
    return this.request('copy', from, async () => this.inner.copy(from, to, options));
  }

  async deleteMany(targets: readonly DeleteTarget[]): Promise<DeleteResult> {
    return this.request('delete', targets[0]?.key ?? '', async () => this.inner.deleteMany(targets));
  }

  async deleteUnchanged(key: string, etag: string): Promise<boolean> {
    return this.request('delete', key, async () => this.inner.deleteUnchanged(key, etag));
  }
}
