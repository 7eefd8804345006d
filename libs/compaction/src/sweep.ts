import type { MetadataStore, ObjectStore } from '@cordwood/log-store';
import {
  deletesByAge,
  dueForCleaning,
  dueTombstones,
  expiredInstances,
  type MetadataError,
  type PodMetadata,
} from '@cordwood/pod-metadata';
import { listMetadata, readEach } from './metadata-listing.ts';
import type { RetentionOptions } from './retention.ts';

/** What a sweep goes by, and to whom it hands the work. Durations in ms. */
export interface SweepOptions {
  readonly store: ObjectStore;
  readonly metadata: Pick<MetadataStore, 'read'>;
  readonly retention: RetentionOptions;
  readonly legacyNamespace: string | undefined;
  /** CLEANUP_DELAY, ORPHAN_AGE and SWEEP_INTERVAL. */
  readonly cleanupDelay: number;
  readonly orphanAge: number;
  readonly interval: number;
  /** Asks for a cleaning of each of the pods; gives the names that cannot be taken. Sees to it that not too many wait. */
  readonly enqueue: (pods: readonly string[], signal?: AbortSignal) => Promise<readonly string[]>;
  /** Called for pods whose metadata cannot be understood: nothing of them is ever deleted. */
  readonly onUnreadable: (pod: string, error: MetadataError) => void;
}

export interface SweepResult {
  /** Pods that have metadata. */
  readonly pods: number;
  /** Those of them whose metadata was read. */
  readonly lookedAt: number;
  /** Those that were handed out for cleaning. */
  readonly due: number;
}

/**
 * Finds the pods with something to delete that no queue may know of: after Redis was lost, or because of their age. One listing request for
 * every 1,000 pods. A pod that changed lately may have orphans: it is handed out unseen. Of others the metadata is read when logs are
 * deleted by age, else only if they changed so lately that their tombstones may have become old since the last sweep.
 */
export async function sweep(options: SweepOptions, signal?: AbortSignal): Promise<SweepResult> {
  const { store, metadata, retention, interval, orphanAge, cleanupDelay, enqueue, onUnreadable } = options;
  const looksAtAll = deletesByAge(retention.rules);
  // Twice the interval: a sweep may be late.
  const orphansPossibleFor = orphanAge + 2 * interval;
  const tombstonesPossibleFor = retention.tombstoneAge + cleanupDelay + 2 * interval;
  let pods = 0;
  let lookedAt = 0;
  let due = 0;
  for await (const page of listMetadata(store, signal)) {
    pods += page.length;
    const now = store.now();
    const recent = page.filter(({ lastModified }) => lastModified > now - orphansPossibleFor);
    const others = page.filter(
      ({ lastModified }) =>
        lastModified <= now - orphansPossibleFor && (looksAtAll || lastModified > now - tombstonesPossibleFor),
    );
    const found = await readEach(
      others.map(({ pod }) => pod),
      onUnreadable,
      async (pod) => {
        const read = await metadata.read(pod, signal);
        return isDue(read.metadata, options) ? [pod] : [];
      },
    );
    lookedAt += others.length;
    const duePods = [...recent.map(({ pod }) => pod), ...found.flat()];
    if (duePods.length === 0) continue;
    const refused = await enqueue(duePods, signal);
    due += duePods.length - refused.length;
    signal?.throwIfAborted();
  }
  return { pods, lookedAt, due };
}

/** Whether a cleaning has something to do, as far as the metadata tells. */
function isDue(metadata: PodMetadata, { store, retention, legacyNamespace, cleanupDelay }: SweepOptions): boolean {
  const now = store.now();
  const { rules, tombstoneAge } = retention;
  const { raw, superseded } = dueForCleaning(metadata, now, cleanupDelay);
  return (
    raw.length + superseded.length > 0 ||
    expiredInstances(metadata, { rules, legacyNamespace, now, hasUnmerged: () => false }).length > 0 ||
    dueTombstones(metadata, now, { tombstoneAge, legacyNamespace, hasRawFiles: () => false }).length > 0
  );
}
