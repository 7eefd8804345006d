import { Cleaner, Compactor } from '@cordwood/compaction';
import { createS3ObjectStore, LogReader, type S3ObjectStore } from '@cordwood/log-store';
import { appOptions } from './app-options.ts';

/** How long a merge of the bench says that its raw files are to be kept, in ms. */
const KEPT_MS = 3_600_000;

/** Merging, cleaning and reading as the apps do them, with their defaults. */
export class Operations {
  private readonly counts = new Map<string, number>();
  private readonly store: S3ObjectStore;
  private readonly options;

  private constructor() {
    this.store = createS3ObjectStore({
      bucket: process.env['LOGS_BUCKET'] ?? 'logs',
      forcePathStyle: true,
      onRequest: ({ operation }) => this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1),
    });
    this.options = { ...appOptions(this.store), orphanAge: 6 * KEPT_MS };
  }

  static async open(): Promise<Operations> {
    const operations = new Operations();
    await operations.store.probe();
    return operations;
  }

  resetRequests(): void {
    this.counts.clear();
  }

  /** Requests since they were reset, by kind. */
  requests(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }

  /** Merges what is new of the pods, some at a time; gives the stored bytes of all files written. */
  async merge(pods: readonly string[], concurrency: number): Promise<number> {
    const compactor = new Compactor({ ...this.options, cleanupDelay: KEPT_MS });
    let bytes = 0;
    await inParallel(pods, concurrency, async (pod) => {
      const { mergedBytes } = await compactor.compact(pod);
      bytes += mergedBytes;
    });
    return bytes;
  }

  /** Deletes what is merged, though it is not due yet. */
  async clean(pods: readonly string[], concurrency: number): Promise<void> {
    const cleaner = new Cleaner({ ...this.options, cleanupDelay: 0 });
    await inParallel(pods, concurrency, (pod) => cleaner.clean(pod));
  }

  /** Reads the logs whole; gives the bytes of their text. */
  async read(pods: readonly string[], readAhead?: number): Promise<number> {
    const reader = new LogReader({ ...this.options, readAhead });
    let bytes = 0;
    for (const pod of pods) {
      const log = await reader.open(pod);
      for await (const chunk of reader.text(log.instances)) bytes += chunk.length;
    }
    return bytes;
  }
}

async function inParallel(
  pods: readonly string[],
  width: number,
  run: (pod: string) => Promise<unknown>,
): Promise<void> {
  const rest = pods[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await run(next.value);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
