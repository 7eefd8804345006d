import {
  CommitLostError,
  LogReader,
  MetadataStore,
  NotFoundError,
  type ObjectStore,
  PreconditionFailedError,
  StoreUnavailableError,
} from '@cordwood/log-store';
import { metadataKey } from '@cordwood/s3-key-format';
import { Cleaner } from '../cleaner.ts';
import { Compactor } from '../compactor.ts';
import { type CompactionOptions, DEFAULT_LIMITS } from '../options.ts';
import { PoisonedPool } from '../poisoned-pool.ts';
import { POD, START } from '../raw-writer.ts';
import { Oracle } from './oracle.ts';
import { type Lingering, type Outcome, SteppedStore } from './stepped-store.ts';
import { type Delivery, uploadOf } from './written-log.ts';

export const CLEANUP_DELAY = 60_000;
export const ORPHAN_AGE = 600_000;

/** What a process does: one job, or one read. */
export type Work =
  | { readonly kind: 'compact' }
  /** With small limits: raw files are streamed, and merged in small batches. */
  | { readonly kind: 'compact in small batches' }
  | { readonly kind: 'clean' }
  /** `since`: seconds after START. `ahead`: files may be read ahead. */
  | { readonly kind: 'read'; readonly since: number | undefined; readonly ahead: boolean };

interface Process {
  readonly work: Work;
  readonly store: SteppedStore;
  /** What the store did to it on purpose. */
  readonly mishaps: Outcome[];
}

/** A bucket in memory. */
export interface Bucket extends ObjectStore {
  /** Its clock, ms since 1970. */
  clock: number;
  readonly objects: ReadonlyMap<string, { readonly etag: string; readonly bytes: Uint8Array }>;
}

/** A bucket, what was written to it, and the processes at work on it. */
export class World {
  readonly store: Bucket;
  readonly oracle = new Oracle();
  readonly processes: Process[] = [];
  /** What happened, for the report of a failure and for figures. */
  readonly events: string[] = [];
  private lingering: Lingering[] = [];
  private metadataEtag: string | undefined;
  private failure: Error | undefined;

  constructor(store: Bucket) {
    this.store = store;
    this.store.clock = START * 1000;
  }

  async write(delivery: Delivery): Promise<void> {
    const upload = uploadOf(delivery);
    const { etag } = await this.store.put(upload.key, upload.body);
    this.oracle.wrote(upload, etag);
    this.events.push(`write ${JSON.stringify(delivery)} to ${upload.key.slice(-20)}`);
  }

  wait(ms: number): void {
    this.store.clock += ms;
    this.events.push(`wait ${ms.toString()}`);
  }

  /** Starts a process; it does nothing before its first request is let through. */
  async start(work: Work): Promise<void> {
    const store = new SteppedStore(this.store);
    const process: Process = { work, store, mishaps: [] };
    this.processes.push(process);
    this.events.push(`start ${JSON.stringify(work)}`);
    const ended = this.run(process).catch((error: unknown) => {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
    });
    void store.follow(ended);
    await store.settle();
  }

  /** Lets a request of one of the processes through, both taken modulo their number. */
  async step(who: number, which: number, outcome: Outcome): Promise<boolean> {
    const process = this.processes[who % this.processes.length];
    if (process === undefined) return false;
    const { pending } = process.store;
    this.events.push(`${process.work.kind}: ${pending[which % pending.length]?.slice(0, 30) ?? ''}: ${outcome}`);
    if (outcome === 'refused' || outcome === 'unanswered' || outcome === 'late') process.mishaps.push(outcome);
    const lingering = await process.store.step(which, outcome);
    if (lingering !== undefined) this.lingering.push(lingering);
    this.observe();
    if (process.store.isOver) this.processes.splice(this.processes.indexOf(process), 1);
    return !process.store.isOver;
  }

  /** Something that was sent long ago reaches the store. */
  async arriveLate(which: number): Promise<void> {
    const [request] = this.lingering.splice(which % Math.max(1, this.lingering.length), 1);
    if (request === undefined) return;
    this.events.push('a lingering request is carried out');
    await request().catch(() => undefined);
    this.observe();
  }

  /** Brings everything to an end: what is under way, all merging, all cleaning. The text must be right and the same all along. */
  async settle(): Promise<void> {
    while (this.lingering.length > 0) await this.arriveLate(0);
    while (this.processes.length > 0) await this.step(0, 0, 'answered');
    const options = optionsOn(this.store);
    const compactor = new Compactor({ ...options, buffers: new PoisonedPool() });
    const cleaner = new Cleaner(options);
    const text = await this.expectText('at the end');
    for (let raw = 1; raw > 0;) {
      raw = (await compactor.compact(POD)).rawFiles;
      this.observe();
      await this.expectText('when all is merged', text);
    }
    for (let again: number | undefined = 0; again !== undefined;) {
      this.store.clock += again;
      again = (await cleaner.clean(POD)).againInMs;
      this.observe();
    }
    await this.expectText('when all is clean', text);
    const { metadata } = await new MetadataStore(this.store).read(POD);
    const left = [...this.store.objects.keys()].filter((key) => !/^(?:metadata|damaged)\//.test(key));
    const listed = metadata.log_files.map(({ key }) => key);
    if (left.toSorted().join() !== listed.toSorted().join()) {
      throw new Error(`left in the bucket: ${left.join(', ')}; listed: ${listed.join(', ')}`);
    }
    for (const upload of this.oracle.mergedDamaged()) {
      const kept = metadata.damaged.filter(({ key }) => key === upload.key).map(({ kept_as }) => kept_as);
      const bodies = kept.map((key) => this.store.objects.get(key)?.bytes);
      if (!bodies.some((body) => body !== undefined && Buffer.compare(body, upload.body) === 0)) {
        throw new Error(`damaged and not kept: ${upload.key}`);
      }
    }
  }

  private async expectText(when: string, same?: string): Promise<string> {
    const reader = new LogReader(optionsOn(this.store));
    const parts: Uint8Array[] = [];
    const { instances } = await reader.open(POD);
    for await (const chunk of reader.text(instances)) parts.push(chunk);
    const text = Buffer.concat(parts).toString();
    const wrong =
      this.oracle.check(text, { begin: this.oracle.now() }) ??
      (same === undefined || same === text ? undefined : `the text has changed:\n${brief(same)}\n---\n${brief(text)}`);
    if (wrong !== undefined) throw new Error(`${when}: ${wrong}`);
    return text;
  }

  private async run({ work, store, mishaps }: Process): Promise<void> {
    const options = optionsOn(store);
    try {
      if (work.kind === 'compact') await new Compactor({ ...options, buffers: new PoisonedPool() }).compact(POD);
      else if (work.kind === 'clean') await new Cleaner(options).clean(POD);
      else if (work.kind === 'read') await this.read(store, work);
      else await new Compactor({ ...options, buffers: new PoisonedPool(), limits: SMALL_BATCHES }).compact(POD);
    } catch (error) {
      if (!isExpectedEnd(error, work, mishaps)) throw error;
      this.events.push(`${work.kind}: ended by ${error.name}`);
    }
  }

  /** Checks what a read gives, also when it breaks off. */
  private async read(store: SteppedStore, { since, ahead }: Extract<Work, { kind: 'read' }>): Promise<void> {
    const begin = this.oracle.now();
    const reader = new LogReader({ ...optionsOn(store), ...(!ahead && { readAhead: 0 }) });
    const parts: Uint8Array[] = [];
    const check = (broken: boolean): void => {
      const text = Buffer.concat(parts).toString();
      const wrong = this.oracle.check(text, { begin, broken, ...(since !== undefined && { since }) });
      if (wrong !== undefined) throw new Error(`a read: ${wrong}`);
    };
    try {
      const { instances } = await reader.open(POD);
      const from = since === undefined ? undefined : { seconds: START + since, nanos: 0 };
      for await (const chunk of reader.text(instances, { since: from })) {
        parts.push(Uint8Array.from(chunk));
        await store.request('client', 'takes a chunk', async () => Promise.resolve());
      }
    } catch (error) {
      check(true);
      throw error;
    }
    check(false);
  }

  /** Tells the oracle of a new commit, and ends the history when a process found something wrong. */
  private observe(): void {
    const metadata = this.store.objects.get(metadataKey(POD));
    if (metadata !== undefined && metadata.etag !== this.metadataEtag) {
      this.metadataEtag = metadata.etag;
      this.oracle.committed(Buffer.from(metadata.bytes).toString());
    }
    if (this.failure !== undefined) throw this.failure;
  }
}

/** So that raw files are streamed, and a job has several commits. */
const SMALL_BATCHES = { keepUpTo: 100, keptBytes: 300, files: 2 };

const optionsOn = (store: ObjectStore): CompactionOptions & { readonly maxMessage: number } => ({
  store,
  metadata: new MetadataStore(store),
  cleanupDelay: CLEANUP_DELAY,
  orphanAge: ORPHAN_AGE,
  reorderWindow: 10_000,
  // A few raw files fit, so that logs have several.
  mergedFileSize: 4096,
  maxRecord: 1024 * 1024,
  maxMessage: 1024 * 1024,
  legacyNamespace: undefined,
  limits: DEFAULT_LIMITS,
  onDamage: () => undefined,
  onStray: ({ key, problem }) => {
    throw new Error(`${key}: ${problem}`);
  },
});

/**
 * What a process may end with: the mishaps that it met, and a job also with others being faster again and again; the queue then tries
 * again. A read goes on whatever the others do.
 */
const isExpectedEnd = (error: unknown, work: Work, mishaps: readonly Outcome[]): error is Error =>
  (error instanceof StoreUnavailableError && mishaps.length > 0) ||
  (work.kind !== 'read' &&
    (error instanceof CommitLostError || error instanceof NotFoundError || error instanceof PreconditionFailedError));

const brief = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.slice(0, 50))
    .join('\n');
