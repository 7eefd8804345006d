import { randomUUID } from 'node:crypto';
import type { ObjectStore, RawObject } from '@cordwood/log-store';
import { applyClean, dueForCleaning, type PodMetadata } from '@cordwood/pod-metadata';

/** Objects that should have been deleted, and were not. They stay listed, and the next cleaning tries again. */
export class DeletionError extends Error {
  override readonly name = 'DeletionError';

  constructor(
    bucket: string,
    failed: readonly { readonly key: string; readonly code: string; readonly message: string }[],
  ) {
    const [first] = failed;
    super(
      `delete ${bucket}/${first?.key ?? ''}: ${first?.code ?? ''} ${first?.message ?? ''} (${failed.length.toString()} objects in all)`,
    );
  }
}

/** What a cleaning deleted, not committed yet. */
export interface Cleaned {
  readonly metadata: PodMetadata;
  readonly deletedRaw: number;
  readonly deletedSuperseded: number;
  /** When (ms since 1970, the store's clock) the next entry will be due. */
  readonly nextDue: number | undefined;
  readonly error: DeletionError | undefined;
}

/**
 * Deletes what has been merged or superseded for `delay` ms (I3): superseded files first, raw files next; the caller commits the
 * metadata without the entries last. `listed` is the pod's raw prefix, listed just before: only what still is the merged version is
 * deleted; a newer object under the same key is new input.
 */
export async function deleteDue(
  store: ObjectStore,
  metadata: PodMetadata,
  listed: readonly RawObject[],
  delay: number,
  signal?: AbortSignal,
): Promise<Cleaned | undefined> {
  const due = dueForCleaning(metadata, store.now(), delay);
  if (due.superseded.length === 0 && due.raw.length === 0) return undefined;

  const failed = [];
  const remaining = new Set<string>();
  if (due.superseded.length > 0) {
    const result = await store.deleteMany(
      due.superseded.map((key) => ({ key })),
      signal,
    );
    failed.push(...result.failed);
  }
  const etags = new Map(listed.map((object) => [object.key, object.etag]));
  const present = due.raw.filter((version) => etags.get(version.key) === version.etag);
  if (present.length > 0) {
    const result = await store.deleteMany(
      present.map(({ key, etag }) => ({ key, etag })),
      signal,
    );
    // A version that was replaced in the meantime is gone, which is what was wanted.
    failed.push(...result.failed.filter(({ code }) => code !== 'PreconditionFailed'));
  }
  for (const { key } of failed) remaining.add(key);
  return {
    metadata: applyClean(
      metadata,
      {
        superseded: due.superseded.filter((key) => !remaining.has(key)),
        raw: due.raw.filter(({ key }) => !remaining.has(key)),
      },
      { commitId: randomUUID() },
    ),
    deletedRaw: present.length,
    deletedSuperseded: due.superseded.length,
    nextDue: due.nextDue,
    error: failed.length === 0 ? undefined : new DeletionError(store.bucket, failed),
  };
}
