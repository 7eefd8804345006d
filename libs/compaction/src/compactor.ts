import {
  BufferPool,
  CommitLostError,
  listRawFiles,
  type MetadataVersion,
  NotFoundError,
  PreconditionFailedError,
  type RawObject,
} from '@cordwood/log-store';
import { dueForCleaning, mergedVersions, type PodMetadata } from '@cordwood/pod-metadata';
import { deleteDue } from './clean.ts';
import { mergeBatch, type MergedBatch } from './merge.ts';
import { namespacesOf } from './namespaces.ts';
import type { CompactionOptions } from './options.ts';
import { OpenBatches } from './open-batches.ts';
import { batchesWithin, MOST_LISTED, planBatches } from './plan.ts';
import { LostLog } from './rebuild/lost-log.ts';
import { rebuildMetadata } from './rebuild/rebuild.ts';

/** How often a job starts over when other workers commit first, before it leaves the pod to them. */
const LOST_COMMITS = 5;

/** Bytes of buffers that wait for the next raw objects: one job's, as far as they are held at the same time. */
const FREE_BUFFERS = 16 * 1024 * 1024;

/** What one compaction of a pod did. */
export interface CompactionResult {
  readonly rawFiles: number;
  readonly rawBytes: number;
  readonly records: number;
  readonly mergedFiles: number;
  readonly mergedBytes: number;
  readonly rewrittenBytes: number;
  readonly damaged: number;
  readonly oddLines: number;
  readonly commits: number;
  /** Commits that another worker's came before: what was merged for them was merged again, or found to be merged. */
  readonly lostCommits: number;
  readonly deletedRaw: number;
  readonly deletedSuperseded: number;
  /** Raw files that wait until merged ones are deleted, because the metadata lists as many as it may. */
  readonly leftRaw: number;
  /** Of the pod's logs, as far as its files name them. */
  readonly namespaces: readonly string[];
  /** In how many ms something may be deleted; undefined: nothing is left to delete. */
  readonly cleanInMs: number | undefined;
}

/** What a compaction has before it, as soon as that is known. */
export interface FoundWork {
  /** As in the result. */
  readonly namespaces: readonly string[];
  /** Raw files that are not merged yet; where the metadata cannot be read, all that are there. */
  readonly rawFiles: number;
  readonly rawBytes: number;
}

/** What is counted over the commits of a job. */
type Figures = Omit<CompactionResult, 'leftRaw' | 'namespaces' | 'cleanInMs'>;

const NOTHING: Figures = {
  rawFiles: 0,
  rawBytes: 0,
  records: 0,
  mergedFiles: 0,
  mergedBytes: 0,
  rewrittenBytes: 0,
  damaged: 0,
  oddLines: 0,
  commits: 0,
  lostCommits: 0,
  deletedRaw: 0,
  deletedSuperseded: 0,
};

/** Compacts pods: cleans what is due, then merges what is new. Pods do not depend on each other. */
export class Compactor {
  private readonly options: CompactionOptions;
  private readonly lostLog: LostLog;
  private readonly buffers: BufferPool;

  constructor(options: CompactionOptions) {
    this.options = options;
    this.lostLog = new LostLog(options.store);
    this.buffers = options.buffers ?? new BufferPool(FREE_BUFFERS);
  }

  /**
   * Brings the pod up to date. Any number of workers may do so at once, and be killed at any instruction: only commits count, and
   * of two that start from the same state one is lost and starts over. Throws MetadataError when the metadata cannot be understood;
   * nothing is changed then. `onFound` is told what there is to do, anew when the job starts over: who reports a failure wants to know.
   */
  async compact(
    pod: string,
    signal?: AbortSignal,
    onFound: (found: FoundWork) => void = () => undefined,
  ): Promise<CompactionResult> {
    let total = NOTHING;
    for (let lost = 0; ;) {
      try {
        return await this.attempt(
          pod,
          signal,
          onFound,
          (done) => (total = add(total, done)),
          () => total,
        );
      } catch (error) {
        if (!isOvertaken(error) || ++lost >= LOST_COMMITS) throw error;
        total = add(total, { lostCommits: 1 });
      }
    }
  }

  /**
   * One try, from what is in the bucket now. The listing and the metadata are read at the same time, raw objects after both: why that is safe is
   * written in docs/adr/0016.
   */
  private async attempt(
    pod: string,
    signal: AbortSignal | undefined,
    onFound: (found: FoundWork) => void,
    report: (done: Partial<Figures>) => void,
    total: () => Figures,
  ): Promise<CompactionResult> {
    const { store, metadata, cleanupDelay } = this.options;
    const listing = this.listRaw(pod, signal);
    const reading = metadata.read(pod, signal);
    const [listed, read] = await Promise.all([listing, reading]).catch(async (error: unknown) => {
      const there = await listing.catch(() => undefined);
      if (there !== undefined) onFound(foundWork(namespacesOf(undefined, there), there));
      throw error;
    });
    const cleaned = await deleteDue(store, read.metadata, listed, cleanupDelay, signal);
    let current = cleaned?.metadata ?? read.metadata;
    let uncommitted: Partial<Figures> | undefined = cleaned && {
      deletedRaw: cleaned.deletedRaw,
      deletedSuperseded: cleaned.deletedSuperseded,
    };
    let work = this.planWork(listed, read.metadata, current, signal);
    onFound(foundWork(namespacesOf(current, listed), work.unmerged));
    try {
      // Merged files without metadata: it was lost, or the first merge died. Files that are not listed would be swept as orphans.
      if (read.etag === undefined && listed.length > 0 && (await this.lostLog.isPossible(pod, signal))) {
        work.batches.close();
        const rebuilt = await rebuildMetadata(this.options, pod, signal);
        if (rebuilt !== undefined) {
          current = rebuilt;
          // To be committed also when every raw file turned out to be merged.
          uncommitted = {};
        }
        work = this.planWork(listed, current, current, signal);
        onFound(foundWork(namespacesOf(current, listed), work.unmerged));
      }
      let version = read;
      // Only the first batch: the next ones would rewrite what this job has just written.
      let rewriteTail = true;
      for (;;) {
        const batch = await work.batches.next();
        if (batch !== undefined) {
          const joinRuns = work.leftRaw === 0 && !work.batches.hasMore;
          const merged = await mergeBatch({ ...this.options, rewriteTail, joinRuns }, pod, current, batch, signal);
          current = merged.metadata;
          rewriteTail = false;
          uncommitted = { ...uncommitted, ...counted(merged) };
        }
        if (uncommitted === undefined) break;
        version = await metadata.commit(pod, version, current, signal);
        report({ ...uncommitted, commits: 1 });
        uncommitted = undefined;
      }
      if (cleaned?.error !== undefined) throw cleaned.error;
      return {
        ...total(),
        leftRaw: work.leftRaw,
        namespaces: namespacesOf(version.metadata, listed),
        cleanInMs: this.cleanIn(version),
      };
    } finally {
      work.batches.close();
    }
  }

  private async listRaw(pod: string, signal: AbortSignal | undefined): Promise<readonly RawObject[]> {
    const { files, stray } = await listRawFiles(this.options.store, pod, signal);
    for (const object of stray) this.options.onStray(object);
    return files;
  }

  /** Plans what is to be merged and begins to fetch it. `known` tells what is merged; `current` is what the first merge adds to. */
  private planWork(
    listed: readonly RawObject[],
    known: PodMetadata,
    current: PodMetadata,
    signal: AbortSignal | undefined,
  ): { readonly batches: OpenBatches; readonly unmerged: readonly RawObject[]; readonly leftRaw: number } {
    const { limits } = this.options;
    const isMerged = mergedVersions(known);
    const unmerged = listed.filter((file) => !isMerged(file));
    const planned = batchesWithin(
      planBatches(unmerged, limits),
      current.merged_raw.length,
      limits.listed ?? MOST_LISTED,
    );
    return {
      batches: new OpenBatches({ ...this.options, ...limits, buffers: this.buffers }, planned, signal),
      unmerged,
      leftRaw: unmerged.length - planned.reduce((sum, batch) => sum + batch.length, 0),
    };
  }

  private cleanIn({ metadata }: MetadataVersion): number | undefined {
    const now = this.options.store.now();
    const { nextDue, raw, superseded } = dueForCleaning(metadata, now, this.options.cleanupDelay);
    if (raw.length + superseded.length > 0) return 0;
    return nextDue === undefined ? undefined : nextDue - now;
  }
}

const foundWork = (namespaces: readonly string[], raw: readonly RawObject[]): FoundWork => ({
  namespaces,
  rawFiles: raw.length,
  rawBytes: raw.reduce((sum, { size }) => sum + size, 0),
});

/** Others have committed first, or even cleaned what this merge reads: a worker that was frozen meets that. */
const isOvertaken = (error: unknown): boolean =>
  error instanceof CommitLostError || error instanceof NotFoundError || error instanceof PreconditionFailedError;

const counted = (merged: MergedBatch): Partial<Figures> => ({
  rawFiles: merged.rawFiles,
  rawBytes: merged.rawBytes,
  records: merged.records,
  mergedFiles: merged.writtenFiles,
  mergedBytes: merged.writtenBytes,
  rewrittenBytes: merged.rewrittenBytes,
  damaged: merged.damaged.length,
  oddLines: merged.oddLines,
});

function add(total: Figures, done: Partial<Figures>): Figures {
  return Object.fromEntries(
    Object.entries(total).map(([name, value]) => [name, value + (done[name as keyof typeof total] ?? 0)]),
  ) as unknown as typeof total;
}
