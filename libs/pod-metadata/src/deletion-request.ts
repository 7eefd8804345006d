import { contentsByInstance, type InstanceContents } from './contents.ts';
import { instanceId } from './owner.ts';
import type { PodMetadata } from './schema.ts';
import type { Deletion } from './tombstones.ts';
import { mergedVersions, type RawVersion } from './transitions.ts';

/** A raw object, and whose it is. */
export interface OwnedRaw extends RawVersion {
  readonly namespace: string;
  readonly container: string;
  readonly containerId: string;
}

/** Of which log somebody wants nothing to be left. */
export interface DeletionRequest {
  readonly namespace: string;
  /** Undefined: all containers. */
  readonly container: string | undefined;
  readonly legacyNamespace: string | undefined;
  /** The store's clock, in ms since 1970. */
  readonly now: number;
  /** Instances that are known from elsewhere: nothing of them may be collected yet. */
  readonly instances: readonly { readonly container: string; readonly containerId: string }[];
  /** All raw objects of the pod, listed before the metadata was read. */
  readonly raw: readonly OwnedRaw[];
  /** How many raw objects the metadata may list as merged: of those beyond it, records are deleted by their times. */
  readonly mostListed: number;
}

/** A container instance whose log is deleted because somebody asked for it. */
export interface RequestedDeletion extends Deletion {
  readonly raw: readonly RawVersion[];
  readonly records: number;
  /** Of its merged files, as stored, or where the reference did not note that, before compression. */
  readonly bytes: number;
}

/**
 * What a request deletes: of every container instance that is known in the namespace, merged files, damaged ones and raw objects as they are
 * now; and records up to now, whenever they arrive. That again holds for instances that were deleted before: a job may have gone on since.
 */
export function requestedDeletions(metadata: PodMetadata, request: DeletionRequest): RequestedDeletion[] {
  const { namespace, container, now, legacyNamespace } = request;
  const isMerged = mergedVersions(metadata);
  const unmerged = request.raw.filter((raw) => !isMerged(raw));
  const listable = new Set(unmerged.slice(0, Math.max(0, request.mostListed - metadata.merged_raw.length)));

  const instances = new Map<string, Pick<InstanceContents, 'container' | 'containerId' | 'files' | 'damaged'>>();
  for (const [id, contents] of contentsByInstance(metadata, legacyNamespace)) {
    if (contents.namespace === namespace) instances.set(id, contents);
  }
  const bare = [
    ...unmerged,
    ...metadata.deleted.map((tombstone) => ({ ...tombstone, containerId: tombstone.container_id })),
    ...request.instances.map((instance) => ({ ...instance, namespace })),
  ].filter((each) => each.namespace === namespace);
  for (const each of bare) {
    const id = instanceId(namespace, each.containerId);
    const { container: name, containerId } = each;
    // A raw file tells the name, where the reference’s merged ones do not.
    instances.set(id, { files: [], damaged: [], ...instances.get(id), container: name, containerId });
  }

  return [...instances.values()]
    .filter((instance) => container === undefined || instance.container === container)
    .map(({ container: name, containerId, files, damaged }) => ({
      namespace,
      container: name,
      containerId,
      until: now,
      reason: 'request',
      files: files.map(({ key }) => key),
      damaged: [...new Set(damaged.map(({ kept_as }) => kept_as))],
      raw: unmerged
        .filter((raw) => raw.namespace === namespace && raw.containerId === containerId && listable.has(raw))
        .map(({ key, etag }) => ({ key, etag })),
      records: files.reduce((sum, file) => sum + file.records_count, 0),
      bytes: files.reduce((sum, file) => sum + (file.stored_size ?? file.size), 0),
    }));
}
