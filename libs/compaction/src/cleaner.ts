import { randomUUID } from 'node:crypto';
import { CommitLostError, listRawFiles, type MetadataVersion } from '@cordwood/log-store';
import { applyFence, dueForCleaning, findOrphans } from '@cordwood/pod-metadata';
import { mergedPrefixOfPod } from '@cordwood/s3-key-format';
import { deleteDue, DeletionError } from './clean.ts';
import type { CompactionOptions } from './options.ts';

/** What one cleaning of a pod did. */
export interface CleaningResult {
  readonly deletedRaw: number;
  readonly deletedSuperseded: number;
  readonly deletedOrphans: number;
  /** In how many ms the pod must be looked at again; undefined: nothing is left to delete, the pod leaves the queue. */
  readonly againInMs: number | undefined;
}

/** How often a cleaning starts over when other workers commit first. */
const LOST_COMMITS = 5;

/** Cleans pods: deletes merged raw objects, superseded files and, when nothing else is left, orphans. */
export class Cleaner {
  private readonly options: Pick<CompactionOptions, 'store' | 'metadata' | 'cleanupDelay' | 'orphanAge' | 'onStray'>;

  constructor(options: Cleaner['options']) {
    this.options = options;
  }

  /** Deletes what may be deleted now. Throws MetadataError when the metadata cannot be understood; nothing is deleted then. */
  async clean(pod: string, signal?: AbortSignal): Promise<CleaningResult> {
    for (let lost = 0; ;) {
      try {
        return await this.attempt(pod, signal);
      } catch (error) {
        if (!(error instanceof CommitLostError) || ++lost >= LOST_COMMITS) throw error;
      }
    }
  }

  private async attempt(pod: string, signal: AbortSignal | undefined): Promise<CleaningResult> {
    const { store, metadata, cleanupDelay } = this.options;
    const listing = await listRawFiles(store, pod, signal);
    let version = await metadata.read(pod, signal);
    const cleaned = await deleteDue(store, version.metadata, listing.files, cleanupDelay, signal);
    if (cleaned !== undefined) version = await metadata.commit(pod, version, cleaned.metadata, signal);
    if (cleaned?.error !== undefined) throw cleaned.error;

    const done = { deletedRaw: cleaned?.deletedRaw ?? 0, deletedSuperseded: cleaned?.deletedSuperseded ?? 0 };
    const left = version.metadata.merged_raw.length + version.metadata.superseded.length;
    if (left > 0) {
      const { nextDue } = dueForCleaning(version.metadata, store.now(), cleanupDelay);
      return { ...done, deletedOrphans: 0, againInMs: Math.max(0, (nextDue ?? 0) - store.now()) };
    }
    return { ...done, ...(await this.sweep(pod, version, signal)) };
  }

  /**
   * Deletes files that no metadata lists: of merges that lost their race or died. A merge that is still in flight, however long it
   * was frozen, must not commit such a file after it is gone: so the metadata gets a new commit id first (I5).
   */
  private async sweep(
    pod: string,
    version: MetadataVersion,
    signal: AbortSignal | undefined,
  ): Promise<Pick<CleaningResult, 'deletedOrphans' | 'againInMs'>> {
    const { store, metadata, orphanAge } = this.options;
    const files = [];
    for await (const page of store.list({ prefix: mergedPrefixOfPod(pod), ...(signal && { signal }) }))
      files.push(...page.objects);
    const { due, nextDue } = findOrphans(version.metadata, files, store.now(), orphanAge);
    if (due.length > 0) {
      await metadata.commit(pod, version, applyFence(version.metadata, { commitId: randomUUID() }), signal);
      const { failed } = await store.deleteMany(
        due.map((key) => ({ key })),
        signal,
      );
      if (failed.length > 0) throw new DeletionError(store.bucket, failed);
    }
    return {
      deletedOrphans: due.length,
      againInMs: nextDue === undefined ? undefined : Math.max(0, nextDue - store.now()),
    };
  }
}
