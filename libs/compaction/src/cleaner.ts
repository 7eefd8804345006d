import { randomUUID } from 'node:crypto';
import { CommitLostError, listRawFiles, type MetadataVersion, type RawObject } from '@cordwood/log-store';
import {
  applyDeletion,
  applyFence,
  applyForgetting,
  dueForCleaning,
  dueTombstones,
  expiredInstances,
  findOrphans,
  isSpent,
  type PodMetadata,
} from '@cordwood/pod-metadata';
import { mergedPrefixOfPod, referencePrefixOfPod } from '@cordwood/s3-key-format';
import { deleteDue, DeletionError } from './clean.ts';
import { namespacesOf } from './namespaces.ts';
import type { CompactionOptions } from './options.ts';
import { isAnythingBelow } from './rebuild/lost-log.ts';
import { instancesAmong, type RetentionOptions, unmergedAmong } from './retention.ts';

/** What cleaning works with, and how. */
export interface CleanerOptions extends Pick<
  CompactionOptions,
  'store' | 'metadata' | 'cleanupDelay' | 'orphanAge' | 'legacyNamespace'
> {
  /** Without it no log is deleted by its age, and no tombstone is ever removed. */
  readonly retention?: RetentionOptions;
}

/** What one cleaning of a pod did. */
export interface CleaningResult {
  /** Of the pod's logs, as far as its files name them. */
  readonly namespaces: readonly string[];
  readonly deletedRaw: number;
  readonly deletedSuperseded: number;
  readonly deletedOrphans: number;
  /** Container instances whose logs were older than is kept; their files are superseded now, and deleted later. */
  readonly expiredInstances: number;
  readonly expiredFiles: number;
  readonly expiredBytes: number;
  /** Tombstones removed; with the last one goes the metadata of a pod that has nothing else. */
  readonly forgotten: number;
  /** In how many ms the pod must be looked at again; undefined: nothing is left to delete, the pod leaves the queue. */
  readonly againInMs: number | undefined;
}

/** How often a cleaning starts over when other workers commit first. */
const LOST_COMMITS = 5;

/**
 * Cleans pods: deletes merged raw objects and superseded files, lists what is older than its retention as superseded, and deletes,
 * when nothing else is left, orphans and old tombstones.
 */
export class Cleaner {
  private readonly options: CleanerOptions;

  constructor(options: CleanerOptions) {
    this.options = options;
  }

  /**
   * Deletes what may be deleted now. Throws MetadataError when the metadata cannot be understood; nothing is deleted then.
   * `onFound` is told whose logs these are as soon as that is known, and again when more is: who reports a failure wants to know.
   */
  async clean(
    pod: string,
    signal?: AbortSignal,
    onFound: (found: Pick<CleaningResult, 'namespaces'>) => void = () => undefined,
  ): Promise<CleaningResult> {
    for (let lost = 0; ;) {
      try {
        return await this.attempt(pod, signal, onFound);
      } catch (error) {
        if (!(error instanceof CommitLostError) || ++lost >= LOST_COMMITS) throw error;
      }
    }
  }

  private async attempt(
    pod: string,
    signal: AbortSignal | undefined,
    onFound: (found: Pick<CleaningResult, 'namespaces'>) => void,
  ): Promise<CleaningResult> {
    const { store, metadata, cleanupDelay } = this.options;
    const listing = await listRawFiles(store, pod, signal);
    onFound({ namespaces: namespacesOf(undefined, listing.files) });
    let version = await metadata.read(pod, signal);
    const namespaces = namespacesOf(version.metadata, listing.files);
    onFound({ namespaces });
    const cleaned = await deleteDue(store, version.metadata, listing.files, cleanupDelay, signal);
    const expired =
      cleaned?.error === undefined
        ? this.expire(version.metadata, cleaned?.metadata ?? version.metadata, listing.files)
        : undefined;
    const next = expired?.metadata ?? cleaned?.metadata;
    if (next !== undefined) version = await metadata.commit(pod, version, next, signal);
    if (cleaned?.error !== undefined) throw cleaned.error;

    const done = {
      namespaces,
      deletedRaw: cleaned?.deletedRaw ?? 0,
      deletedSuperseded: cleaned?.deletedSuperseded ?? 0,
      expiredInstances: expired?.instances ?? 0,
      expiredFiles: expired?.files ?? 0,
      expiredBytes: expired?.bytes ?? 0,
    };
    const left = version.metadata.merged_raw.length + version.metadata.superseded.length;
    if (left > 0) {
      const { nextDue } = dueForCleaning(version.metadata, store.now(), cleanupDelay);
      return { ...done, deletedOrphans: 0, forgotten: 0, againInMs: Math.max(0, (nextDue ?? 0) - store.now()) };
    }
    // Metadata that is lost lists nothing: then every file would look like an orphan.
    if (version.etag === undefined) return { ...done, deletedOrphans: 0, forgotten: 0, againInMs: undefined };
    const swept = await this.sweep(pod, version, signal);
    // While there are orphans the pod comes back anyway, and its metadata is needed to delete them safely.
    const forgotten = swept.againInMs === undefined ? await this.forget(pod, swept.version, listing.files, signal) : 0;
    return { ...done, deletedOrphans: swept.deletedOrphans, forgotten, againInMs: swept.againInMs };
  }

  /**
   * Takes logs that are older than their namespace keeps them out of `cleaned`, for the caller to commit. A log with raw files that are
   * not merged is kept; `listed` was listed before the metadata (`read`) was read, so whatever a merge does meanwhile lets the commit fail.
   */
  private expire(read: PodMetadata, cleaned: PodMetadata, listed: readonly RawObject[]) {
    const { store, retention, legacyNamespace } = this.options;
    if (retention === undefined) return undefined;
    const now = store.now();
    const hasUnmerged = unmergedAmong(listed, read);
    const expired = expiredInstances(cleaned, { rules: retention.rules, legacyNamespace, now, hasUnmerged });
    if (expired.length === 0) return undefined;
    return {
      metadata: applyDeletion(cleaned, expired, { commitId: randomUUID(), now }),
      instances: expired.length,
      files: expired.reduce((sum, { files }) => sum + files.length, 0),
      bytes: expired.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /**
   * Deletes files that no metadata lists: of merges that lost their race or died. A merge that is still in flight, however long it
   * was frozen, must not commit such a file after it is gone: so the metadata gets a new commit id first (I5).
   */
  private async sweep(
    pod: string,
    version: MetadataVersion,
    signal: AbortSignal | undefined,
  ): Promise<Pick<CleaningResult, 'deletedOrphans' | 'againInMs'> & { readonly version: MetadataVersion }> {
    const { store, metadata, orphanAge } = this.options;
    const files = [];
    for await (const page of store.list({ prefix: mergedPrefixOfPod(pod), ...(signal && { signal }) }))
      files.push(...page.objects);
    const { due, nextDue } = findOrphans(version.metadata, files, store.now(), orphanAge);
    let current = version;
    if (due.length > 0) {
      current = await metadata.commit(pod, version, applyFence(version.metadata, { commitId: randomUUID() }), signal);
      const { failed } = await store.deleteMany(
        due.map((key) => ({ key })),
        signal,
      );
      if (failed.length > 0) throw new DeletionError(store.bucket, failed);
    }
    return {
      version: current,
      deletedOrphans: due.length,
      againInMs: nextDue === undefined ? undefined : Math.max(0, nextDue - store.now()),
    };
  }

  /**
   * Removes tombstones that are old enough, and with the last one the metadata, when it lists nothing and no raw files are there. Only on
   * condition that nobody commits meanwhile; a store that knows no such condition keeps the empty metadata. Gives their number.
   */
  private async forget(
    pod: string,
    version: MetadataVersion,
    listed: readonly RawObject[],
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { store, metadata, retention, legacyNamespace } = this.options;
    if (retention === undefined) return 0;
    const { tombstoneAge } = retention;
    const needs = { tombstoneAge, legacyNamespace, hasRawFiles: instancesAmong(listed) };
    const due = dueTombstones(version.metadata, store.now(), needs);
    if (due.length === 0) return 0;
    const next = applyForgetting(version.metadata, due, { commitId: randomUUID() });
    const gone =
      isSpent(next) &&
      listed.length === 0 &&
      // Without metadata, what lies there would be taken for the log.
      !(await isAnythingBelow(store, referencePrefixOfPod(pod), signal)) &&
      (await metadata.delete(pod, version, signal));
    if (!gone) await metadata.commit(pod, version, next, signal);
    return due.length;
  }
}
