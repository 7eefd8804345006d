import {
  type BufferPool,
  NotFoundError,
  type ObjectStore,
  RawFile,
  type RawFileOptions,
  type RawObject,
} from '@cordwood/log-store';
import pLimit from 'p-limit';
import { ByteBudget } from './byte-budget.ts';

/** Raw objects of a pod that are fetched at the same time. */
const PARALLEL_GETS = 16;

export interface OpenBatchesOptions extends Pick<RawFileOptions, 'keepUpTo' | 'maxRecord' | 'reorderWindow'> {
  readonly store: ObjectStore;
  /** Stored bytes of raw objects that are held at the same time, those of the next batch included. */
  readonly keptBytes: number;
  /** Where buffers for them come from. */
  readonly buffers?: BufferPool;
}

interface Opening {
  readonly files: Promise<readonly RawFile[]>;
  /** Each gives back the room of a file, and its buffer. */
  readonly releases: (() => void)[];
}

/**
 * The raw objects of a job, opened batch by batch: while one batch is merged, as much of the next one is fetched as there is room for
 * beside what has not been read yet. The first requests begin at once, so the metadata that the merge starts from must have been read before
 * (docs/adr/0016).
 */
export class OpenBatches {
  private readonly options: OpenBatchesOptions;
  private readonly planned: (readonly RawObject[])[];
  private readonly limit = pLimit(PARALLEL_GETS);
  private readonly budget: ByteBudget;
  private readonly over = new AbortController();
  private readonly signal: AbortSignal;
  private current: Opening | undefined;
  private upcoming: Opening | undefined;

  constructor(options: OpenBatchesOptions, planned: readonly (readonly RawObject[])[], signal?: AbortSignal) {
    this.options = options;
    this.planned = [...planned];
    this.budget = new ByteBudget(options.keptBytes);
    this.signal = AbortSignal.any([this.over.signal, ...(signal ? [signal] : [])]);
    this.upcoming = this.openNext();
  }

  /**
   * The next batch, without objects that are gone (cleaned by another worker); undefined: there are no more. Files of the batch before
   * are not to be read any more.
   */
  async next(): Promise<readonly RawFile[] | undefined> {
    release(this.current);
    this.current = this.upcoming;
    const files = await this.current?.files;
    this.upcoming = this.openNext();
    return files;
  }

  /** Whether more batches follow the one that was given last. */
  get hasMore(): boolean {
    return this.upcoming !== undefined;
  }

  /** Breaks off what is still being fetched. */
  close(): void {
    this.over.abort();
    this.limit.clearQueue();
    release(this.current);
    release(this.upcoming);
  }

  private openNext(): Opening | undefined {
    const objects = this.planned.shift();
    if (objects === undefined) return undefined;
    const releases: Opening['releases'] = [];
    const files = Promise.all(objects.map(async (object) => this.limit(async () => this.open(object, releases)))).then(
      (opened) => opened.filter((file) => file !== undefined),
    );
    // Until next() waits for it, a failure must not count as unhandled.
    files.catch(() => undefined);
    return { files, releases };
  }

  private async open(object: RawObject, releases: Opening['releases']): Promise<RawFile | undefined> {
    const { store, keepUpTo } = this.options;
    const onRead = await this.budget.claim(object.size <= keepUpTo ? object.size : 0);
    let file: RawFile | undefined;
    releases.push(() => {
      file?.close();
      onRead();
    });
    try {
      this.signal.throwIfAborted();
      file = await RawFile.open(store, object, { ...this.options, signal: this.signal, onRead });
      return file;
    } catch (error) {
      onRead();
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }
}

const release = (opening: Opening | undefined): void => {
  for (const giveBack of opening?.releases ?? []) giveBack();
};
