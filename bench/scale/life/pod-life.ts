import { Cleaner, Compactor, scan, sweep } from '@cordwood/compaction';
import { MetadataStore } from '@cordwood/log-store';
import { MemoryObjectStore } from '@cordwood/testkit';
import { corpus, CORPUS_START, type RawObject } from '../../corpus.ts';
import { podOf } from '../../corpora.ts';
import { appOptions } from '../../process/app-options.ts';
import type { Intervals, JobClass } from '../model/job-class.ts';
import type { LatencyModel } from '../model/latency.ts';
import type { Random } from '../model/random.ts';
import type { VirtualTime } from '../model/virtual-time.ts';
import { ModelledStore } from '../store/modelled-store.ts';
import { addUsage, NO_USAGE, type Usage } from '../store/usage.ts';
import { type Residence, ResidenceMeter } from './residence.ts';

/** What a part of the work took: of workers, for one pod. */
export interface Work {
  readonly jobs: number;
  readonly usage: Usage;
  /** Of the processor, without the S3 client. */
  readonly cpuMs: number;
  /** Virtual time from the start of each job to its end: how long it kept one of CONCURRENCY places, without processor time. */
  readonly waitedMs: number;
}

/** All that became of a pod. */
export interface PodLife {
  readonly rawFiles: number;
  readonly rawBytes: number;
  readonly lines: number;
  readonly merging: Work;
  readonly cleaning: Work;
  /** Cleanings that sweeps asked for, and what sweeps read themselves; their listings are not a matter of one pod. */
  readonly sweeping: Work;
  readonly residence: Residence;
  /** Of the log when all was merged and cleaned. */
  readonly log: { readonly files: number; readonly storedBytes: number; readonly metadataBytes: number };
  /** Stored bytes of all merged files ever written. */
  readonly writtenBytes: number;
  readonly commits: number;
}

export interface LifeOptions {
  readonly time: VirtualTime;
  readonly latency: LatencyModel;
  readonly random: Random;
  readonly intervals: Intervals;
}

/** Longest time between the end of a minute and the arrival of its file, in ms. */
const UPLOAD_JITTER = 20_000;
const NO_WORK: Work = { jobs: 0, usage: NO_USAGE, cpuMs: 0, waitedMs: 0 };
/** When a pod has been looked at so often for nothing, something is wrong. */
const MOST_EVENTS = 200_000;

/** A pod from its first raw file until nothing is left of it, or without retention until only its log is, alone in a bucket. */
export class LivingPod {
  readonly store: ModelledStore;
  readonly name: string;
  private readonly inner: MemoryObjectStore;
  private readonly options: LifeOptions;
  private readonly compactor: Compactor;
  private readonly cleaner: Cleaner;
  private readonly settings;
  private readonly meter = new ResidenceMeter();
  private readonly uploads: Iterator<RawObject, void>;
  private next: { readonly at: number; readonly object: RawObject } | undefined;
  private restsUntil = 0;
  private cleanAt: number | undefined;
  private scanAt: number;
  private sweepAt: number;
  private readonly uploadEvery: number;
  private files = 0;
  private counts = { rawFiles: 0, rawBytes: 0, lines: 0, writtenBytes: 0, commits: 0 };
  private work = { merging: NO_WORK, cleaning: NO_WORK, sweeping: NO_WORK };
  private log: PodLife['log'] | undefined;

  constructor(job: JobClass, number: number, options: LifeOptions) {
    const { time, latency, random, intervals } = options;
    this.options = options;
    const [least, most] = job.minutes;
    const minutes = least + Math.floor(random() * (most - least + 1));
    // The log is the same with every seed; when its files come is not.
    const minutesPerFile = Math.min(job.minutesPerFile ?? 1, minutes);
    this.uploadEvery = minutesPerFile * 60_000;
    this.uploads = corpus({
      pods: 1,
      filesPerPod: Math.ceil(minutes / minutesPerFile),
      fileBytes: job.bytesPerMinute * minutesPerFile,
      firstPod: number,
    });
    this.inner = new MemoryObjectStore(CORPUS_START);
    this.store = new ModelledStore({ inner: this.inner, time, latency });
    const retention = {
      rules: { byNamespace: [], otherwise: intervals.retention },
      tombstoneAge: intervals.tombstoneAge,
    };
    this.settings = {
      ...appOptions(this.store),
      cleanupDelay: intervals.cleanupDelay,
      orphanAge: intervals.orphanAge,
      retention,
    };
    this.compactor = new Compactor(this.settings);
    this.cleaner = new Cleaner(this.settings);
    time.now = CORPUS_START;
    this.scanAt = CORPUS_START + random() * intervals.scan;
    this.sweepAt = CORPUS_START + random() * intervals.sweep;
    const first = this.upcoming();
    if (first === undefined) throw new Error('a pod without a log');
    this.name = podOf(first.object);
    this.next = first;
  }

  /** Lives up to where the log is merged and everything else cleaned up. */
  async settle(): Promise<void> {
    await this.until(() => this.next === undefined && this.cleanAt === undefined && !this.hasRaw());
    const files = [...this.inner.objects.values()];
    const data = files.filter(({ key }) => key.startsWith('data/'));
    const metadata = files.find(({ key }) => key.startsWith('metadata/'));
    this.log = {
      files: data.length,
      storedBytes: data.reduce((sum, { size }) => sum + size, 0),
      metadataBytes: metadata?.size ?? 0,
    };
    const { metadata: read } = await new MetadataStore(this.inner).read(this.name);
    const records = read.log_files.reduce((sum, file) => sum + file.records_count, 0);
    if (records !== this.counts.lines)
      throw new Error(`${this.name}: ${records} records of ${this.counts.lines} lines`);
  }

  /** Lives to the end, which is after RETENTION and TOMBSTONE_AGE, or when no sweep looks at it any more. */
  async end(): Promise<PodLife> {
    const { intervals, time } = this.options;
    const lastSweep = time.now + intervals.tombstoneAge + intervals.cleanupDelay + 3 * intervals.sweep;
    await this.until(() => (intervals.retention === undefined ? time.now > lastSweep : this.inner.objects.size === 0));
    if (this.log === undefined) throw new Error('the pod was not settled');
    return { ...this.counts, ...this.work, residence: this.meter.total, log: this.log };
  }

  /** The log's metadata, as it is. */
  get bucket(): MemoryObjectStore {
    return this.inner;
  }

  private async until(isOver: () => boolean): Promise<void> {
    for (let events = 0; !isOver(); events++) {
      if (events > MOST_EVENTS) throw new Error(`${this.name} does not come to an end`);
      await this.step();
    }
  }

  /** What comes next: a file, the scan, the pod's cleaning, the sweep. */
  private async step(): Promise<void> {
    const { time, intervals } = this.options;
    // Where there is nothing to find, looking for it changes nothing.
    const scanAt = this.hasRaw() ? Math.max(this.scanAt, time.now) : Infinity;
    const at = Math.min(this.next?.at ?? Infinity, scanAt, this.cleanAt ?? Infinity, this.sweepAt);
    await time.sleep(at - time.now);
    this.meter.note(this.inner.objects, time.now);
    this.inner.clock = time.now;
    if (at === this.next?.at) await this.upload(this.next.object);
    else if (at === this.cleanAt) await this.clean('cleaning');
    else if (at === scanAt) {
      while (this.scanAt <= time.now) this.scanAt += intervals.scan;
      await this.scan();
    } else {
      this.sweepAt += intervals.sweep;
      await this.sweep();
    }
    this.meter.note(this.inner.objects, time.now);
  }

  private upcoming(): { readonly at: number; readonly object: RawObject } | undefined {
    const { value: object } = this.uploads.next();
    if (object === undefined) return undefined;
    const end = CORPUS_START + ++this.files * this.uploadEvery;
    return { at: end + this.options.random() * UPLOAD_JITTER, object };
  }

  private hasRaw(): boolean {
    for (const key of this.inner.objects.keys()) if (key.startsWith('kube.')) return true;
    return false;
  }

  private async upload({ key, body }: RawObject): Promise<void> {
    this.counts.rawFiles++;
    this.counts.rawBytes += body.length;
    for (const byte of body) if (byte === 0x0a) this.counts.lines++;
    await this.inner.put(key, body);
    this.next = this.upcoming();
  }

  /** As the `scan` job: pods that rest are left alone. */
  private async scan(): Promise<void> {
    await scan({
      store: this.inner,
      dueAmong: async (pods) => Promise.resolve(this.restsUntil <= this.options.time.now ? pods : []),
      room: async () => Promise.resolve('now'),
      enqueue: async (pods) => {
        for (const pod of pods) await this.compact(pod);
        return pods.length;
      },
      reached: async () => Promise.resolve(),
      onStrayKey: this.settings.onStray.bind(undefined, { key: 'raw' }),
    });
  }

  /** As the `compact` job: asks for a cleaning, then lets the pod rest. */
  private async compact(pod: string): Promise<void> {
    const { time, intervals } = this.options;
    const result = await this.measure('merging', async () => this.compactor.compact(pod));
    this.counts.writtenBytes += result.mergedBytes;
    this.counts.commits += result.commits;
    const cleanInMs = result.cleanInMs ?? (result.commits > 0 ? 0 : undefined);
    if (cleanInMs !== undefined) this.wantCleaning(cleanInMs);
    this.restsUntil =
      time.now + (result.leftRaw > 0 ? Math.min(intervals.compaction, cleanInMs ?? 0) : intervals.compaction);
  }

  /** As the `clean` job: comes again while there is something left. */
  private async clean(kind: 'cleaning' | 'sweeping'): Promise<void> {
    this.cleanAt = undefined;
    const { againInMs } = await this.measure(kind, async () => this.cleaner.clean(this.name));
    if (againInMs !== undefined) this.wantCleaning(againInMs);
  }

  private wantCleaning(inMs: number): void {
    this.cleanAt = Math.min(this.cleanAt ?? Infinity, this.options.time.now + inMs);
  }

  /** As the `sweep` job. */
  private async sweep(): Promise<void> {
    const { intervals } = this.options;
    const looking = await this.measured(async () =>
      sweep({
        ...this.settings,
        // The listing is one for 1,000 pods.
        store: this.inner,
        interval: intervals.sweep,
        enqueue: async () => Promise.resolve([]),
        onUnreadable: (_pod, error) => {
          throw error;
        },
      }),
    );
    this.work.sweeping = sum(this.work.sweeping, { ...looking.work, jobs: 0 });
    if (looking.result.due > 0) await this.clean('sweeping');
  }

  private async measure<T>(kind: keyof typeof this.work, job: () => Promise<T>): Promise<T> {
    const { work, result } = await this.measured(job);
    this.work[kind] = sum(this.work[kind], work);
    return result;
  }

  private async measured<T>(job: () => Promise<T>): Promise<{ readonly work: Work; readonly result: T }> {
    const { time } = this.options;
    const startedAt = time.now;
    const before = process.cpuUsage();
    const result = await job();
    const { user, system } = process.cpuUsage(before);
    const work = {
      jobs: 1,
      usage: this.store.takeUsage(),
      cpuMs: (user + system) / 1e3,
      waitedMs: time.now - startedAt,
    };
    return { work, result };
  }
}

const sum = (a: Work, b: Work): Work => ({
  jobs: a.jobs + b.jobs,
  usage: addUsage(a.usage, b.usage),
  cpuMs: a.cpuMs + b.cpuMs,
  waitedMs: a.waitedMs + b.waitedMs,
});
