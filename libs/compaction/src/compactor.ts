import { CommitLostError, listRawFiles, type MetadataVersion, type RawObject } from '@cordwood/log-store';
import { dueForCleaning, mergedVersions } from '@cordwood/pod-metadata';
import { deleteDue } from './clean.ts';
import { mergeBatch, type MergedBatch } from './merge.ts';
import type { CompactionOptions } from './options.ts';
import { nextBatch } from './plan.ts';

/** How often a job starts over when other workers commit first, before it leaves the pod to them. */
const LOST_COMMITS = 5;

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
  readonly deletedRaw: number;
  readonly deletedSuperseded: number;
  /** In how many ms something may be deleted; undefined: nothing is left to delete. */
  readonly cleanInMs: number | undefined;
}

const NOTHING: Omit<CompactionResult, 'cleanInMs'> = {
  rawFiles: 0,
  rawBytes: 0,
  records: 0,
  mergedFiles: 0,
  mergedBytes: 0,
  rewrittenBytes: 0,
  damaged: 0,
  oddLines: 0,
  commits: 0,
  deletedRaw: 0,
  deletedSuperseded: 0,
};

/** Compacts pods: cleans what is due, then merges what is new. Pods do not depend on each other. */
export class Compactor {
  private readonly options: CompactionOptions;

  constructor(options: CompactionOptions) {
    this.options = options;
  }

  /**
   * Brings the pod up to date. Any number of workers may do so at once, and be killed at any instruction: only commits count, and
   * of two that start from the same state one is lost and starts over. Throws MetadataError when the metadata cannot be understood;
   * nothing is changed then.
   */
  async compact(pod: string, signal?: AbortSignal): Promise<CompactionResult> {
    let total = NOTHING;
    for (let lost = 0; ;) {
      try {
        return await this.attempt(
          pod,
          signal,
          (done) => (total = add(total, done)),
          () => total,
        );
      } catch (error) {
        if (!(error instanceof CommitLostError) || ++lost >= LOST_COMMITS) throw error;
      }
    }
  }

  private async attempt(
    pod: string,
    signal: AbortSignal | undefined,
    report: (done: Partial<CompactionResult>) => void,
    total: () => Omit<CompactionResult, 'cleanInMs'>,
  ): Promise<CompactionResult> {
    const { store, metadata, cleanupDelay, limits, onStray } = this.options;
    const listing = await listRawFiles(store, pod, signal);
    for (const stray of listing.stray) onStray(stray);
    let version = await metadata.read(pod, signal);
    const cleaned = await deleteDue(store, version.metadata, listing.files, cleanupDelay, signal);
    let current = cleaned?.metadata ?? version.metadata;
    let uncommitted: Partial<CompactionResult> | undefined = cleaned && {
      deletedRaw: cleaned.deletedRaw,
      deletedSuperseded: cleaned.deletedSuperseded,
    };

    const isMerged = mergedVersions(version.metadata);
    let unmerged = listing.files.filter((file) => !isMerged(file));
    // Only the first batch: the next ones would rewrite what this job has just written.
    let rewriteTail = true;
    while (unmerged.length > 0 || uncommitted !== undefined) {
      const batch = nextBatch(unmerged, limits);
      unmerged = without(unmerged, batch);
      if (batch.length > 0) {
        const merged = await mergeBatch(
          { ...this.options, keepUpTo: limits.keepUpTo, rewriteTail },
          pod,
          current,
          batch,
          signal,
        );
        current = merged.metadata;
        rewriteTail = false;
        uncommitted = { ...uncommitted, ...counted(merged) };
      }
      version = await metadata.commit(pod, version, current, signal);
      report({ ...uncommitted, commits: 1 });
      uncommitted = undefined;
    }
    if (cleaned?.error !== undefined) throw cleaned.error;
    return { ...total(), cleanInMs: this.cleanIn(version) };
  }

  private cleanIn({ metadata }: MetadataVersion): number | undefined {
    const now = this.options.store.now();
    const { nextDue, raw, superseded } = dueForCleaning(metadata, now, this.options.cleanupDelay);
    if (raw.length + superseded.length > 0) return 0;
    return nextDue === undefined ? undefined : nextDue - now;
  }
}

const without = (all: readonly RawObject[], some: readonly RawObject[]): RawObject[] => {
  const taken = new Set(some);
  return all.filter((object) => !taken.has(object));
};

const counted = (merged: MergedBatch): Partial<CompactionResult> => ({
  rawFiles: merged.rawFiles,
  rawBytes: merged.rawBytes,
  records: merged.records,
  mergedFiles: merged.writtenFiles,
  mergedBytes: merged.writtenBytes,
  rewrittenBytes: merged.rewrittenBytes,
  damaged: merged.damaged.length,
  oddLines: merged.oddLines,
});

function add(
  total: Omit<CompactionResult, 'cleanInMs'>,
  done: Partial<CompactionResult>,
): Omit<CompactionResult, 'cleanInMs'> {
  return Object.fromEntries(
    Object.entries(total).map(([name, value]) => [name, value + (done[name as keyof typeof total] ?? 0)]),
  ) as unknown as typeof total;
}
