import { randomUUID } from 'node:crypto';
import { CommitLostError, listRawFiles, type MetadataStore, type ObjectStore } from '@cordwood/log-store';
import { applyDeletion, isFullyUnderstood, requestedDeletions, type RequestedDeletion } from '@cordwood/pod-metadata';
import { mergedPrefixOfPod, referencePrefixOfPod } from '@cordwood/s3-key-format';
import { MOST_LISTED } from './plan.ts';

/** A log cannot be deleted as things are. The message says why; nothing was changed. */
export class DeletionRefusedError extends Error {
  override readonly name = 'DeletionRefusedError';
  /** `later`: compaction has to do something first. */
  readonly until: 'later' | 'never';

  constructor(message: string, until: 'later' | 'never') {
    super(message);
    this.until = until;
  }
}

export interface DeleteLogOptions {
  readonly store: ObjectStore;
  readonly metadata: MetadataStore;
  readonly legacyNamespace: string | undefined;
}

export interface LogToDelete {
  readonly pod: string;
  readonly namespace: string;
  /** Undefined: all containers. */
  readonly container: string | undefined;
  /** Container instances that are known from elsewhere: nothing of them may be collected yet. Default: none. */
  readonly instances?: readonly { readonly container: string; readonly containerId: string }[];
}

/** Compaction commits as often as a batch is merged, which takes longer than our two requests. */
const LOST_COMMITS = 10;

/**
 * Deletes a log with one commit (I2): from then on nobody reads any of it, and records up to now that arrive later are dropped. The objects are
 * deleted as all that is superseded: by the next cleaning of the pod after CLEANUP_DELAY. May be repeated, and killed at any
 * instruction. Gives what was deleted, empty when the metadata knows of nothing that could be. Throws DeletionRefusedError, MetadataError, and
 * CommitLostError when others always were faster.
 */
export async function deleteLog(
  options: DeleteLogOptions,
  log: LogToDelete,
  signal?: AbortSignal,
): Promise<readonly RequestedDeletion[]> {
  for (let lost = 0; ;) {
    try {
      return await attempt(options, log, signal);
    } catch (error) {
      if (!(error instanceof CommitLostError) || ++lost >= LOST_COMMITS) throw error;
    }
  }
}

async function attempt(
  { store, metadata, legacyNamespace }: DeleteLogOptions,
  { pod, namespace, container, instances = [] }: LogToDelete,
  signal: AbortSignal | undefined,
): Promise<readonly RequestedDeletion[]> {
  // The listing first: what is merged in between lets the commit fail.
  const { files } = await listRawFiles(store, pod, signal);
  const version = await metadata.read(pod, signal);
  if (!isFullyUnderstood(version.metadata)) {
    throw new DeletionRefusedError(
      'a newer program has written its metadata, which may name files unknown here',
      'never',
    );
  }
  // Metadata that lists nothing would make orphans of them, of other namespaces’ too.
  if (version.etag === undefined && (await hasMergedFiles(store, pod, signal))) {
    throw new DeletionRefusedError('its metadata is missing, and compaction has to rebuild it first', 'later');
  }
  const now = store.now();
  const deletions = requestedDeletions(version.metadata, {
    namespace,
    container,
    legacyNamespace,
    now,
    instances,
    raw: files.map(({ key, etag, parsed }) => ({ ...parsed, key, etag })),
    mostListed: MOST_LISTED,
  });
  if (deletions.length === 0) return [];
  const next = applyDeletion(version.metadata, deletions, { commitId: randomUUID(), now });
  await metadata.commit(pod, version, next, signal);
  return deletions;
}

async function hasMergedFiles(store: ObjectStore, pod: string, signal: AbortSignal | undefined): Promise<boolean> {
  for (const prefix of [mergedPrefixOfPod(pod), referencePrefixOfPod(pod)]) {
    for await (const page of store.list({ prefix, pageSize: 1, ...(signal && { signal }) })) {
      if (page.objects.length > 0) return true;
      break;
    }
  }
  return false;
}
