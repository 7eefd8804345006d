import { type Instant, parseTime } from '@cordwood/log-record';
import { instanceId } from './owner.ts';
import { contentsByInstance } from './contents.ts';
import { currentSchema, type PodMetadata, type Tombstone } from './schema.ts';
import { type Commit, formatStamp, type RawVersion, stampMs } from './transitions.ts';

/** A container instance, or what there was of it, to be deleted. */
export interface Deletion {
  readonly namespace: string;
  readonly container: string;
  readonly containerId: string;
  /** Ms since 1970: records at or before this are deleted, wherever they turn up from now on. */
  readonly until: number;
  readonly reason: Tombstone['reason'];
  /** Keys of its merged files. */
  readonly files: readonly string[];
  /** Keys of the copies that were kept of its damaged raw objects. */
  readonly damaged: readonly string[];
  /** Raw objects that are deleted with all that they hold, whatever times it has: they count as merged from now on. */
  readonly raw?: readonly RawVersion[];
}

/**
 * The metadata after these were deleted. What they consist of is listed as superseded, and deleted later as everything that is; a
 * tombstone for each says what was there.
 */
export function applyDeletion(metadata: PodMetadata, deletions: readonly Deletion[], commit: Commit): PodMetadata {
  const stamp = formatStamp(commit.now);
  const files = new Set(deletions.flatMap((deletion) => deletion.files));
  const damaged = new Set(deletions.flatMap((deletion) => deletion.damaged));
  const replaced = new Set(deletions.map(({ namespace, containerId }) => instanceId(namespace, containerId)));
  return {
    ...metadata,
    commit_id: commit.commitId,
    log_files: metadata.log_files.filter(({ key }) => !files.has(key)),
    damaged: metadata.damaged.filter(({ kept_as }) => !damaged.has(kept_as)),
    merged_raw: [
      ...metadata.merged_raw,
      ...deletions.flatMap((deletion) => deletion.raw ?? []).map(({ key, etag }) => ({ key, etag, merged_at: stamp })),
    ],
    superseded: [...metadata.superseded, ...[...files, ...damaged].map((key) => ({ key, since: stamp }))],
    deleted: [
      ...metadata.deleted.filter((tombstone) => !replaced.has(idOf(tombstone))),
      ...deletions.map((deletion) => tombstoneOf(deletion, metadata, stamp)),
    ],
  };
}

/** An instance that was deleted before, and has been written to since, keeps one tombstone, with the later time. */
function tombstoneOf(deletion: Deletion, metadata: PodMetadata, stamp: string): Tombstone {
  const { namespace, container, containerId, reason } = deletion;
  const before = metadata.deleted.find((tombstone) => idOf(tombstone) === instanceId(namespace, containerId));
  const until = Math.max(deletion.until, before === undefined ? -Infinity : stampMs(before.until));
  return {
    ...before,
    namespace,
    container,
    container_id: containerId,
    until: formatStamp(until),
    deleted_at: stamp,
    reason,
  };
}

/** Up to when (inclusive, by ordering time) records of a container instance count as deleted; undefined: none do. */
export function deletedUntil(
  metadata: PodMetadata,
  namespace: string | undefined,
  containerId: string,
): Instant | undefined {
  const id = instanceId(namespace, containerId);
  const tombstone = metadata.deleted.find((each) => idOf(each) === id);
  return tombstone === undefined ? undefined : parseTime(tombstone.until);
}

/** What tells whether a tombstone is still needed. */
export interface TombstoneNeeds {
  /** TOMBSTONE_AGE, in ms. */
  readonly tombstoneAge: number;
  readonly legacyNamespace: string | undefined;
  /** Whether there are raw files of this container instance, merged or not. */
  readonly hasRawFiles: (namespace: string, containerId: string) => boolean;
}

/**
 * Tombstones that are old enough to go. That of an instance which has files again stays as long as these: it tells that they are
 * not all of the log.
 */
export function dueTombstones(metadata: PodMetadata, now: number, needs: TombstoneNeeds): readonly Tombstone[] {
  if (!isFullyUnderstood(metadata)) return [];
  const contents = contentsByInstance(metadata, needs.legacyNamespace);
  return metadata.deleted.filter(
    (tombstone) =>
      stampMs(tombstone.deleted_at) + needs.tombstoneAge <= now &&
      !contents.has(idOf(tombstone)) &&
      !needs.hasRawFiles(tombstone.namespace, tombstone.container_id),
  );
}

/** The metadata without these tombstones. */
export function applyForgetting(
  metadata: PodMetadata,
  tombstones: readonly Tombstone[],
  commit: Pick<Commit, 'commitId'>,
): PodMetadata {
  return {
    ...metadata,
    commit_id: commit.commitId,
    deleted: metadata.deleted.filter((tombstone) => !tombstones.includes(tombstone)),
  };
}

/** Whether nothing in the metadata is worth keeping. */
export const isSpent = (metadata: PodMetadata): boolean =>
  isFullyUnderstood(metadata) &&
  [metadata.log_files, metadata.merged_raw, metadata.superseded, metadata.damaged, metadata.deleted].every(
    (list) => list.length === 0,
  );

/**
 * Whether every field of the metadata is known here. What a later program put there (or pages of `older` entries) may be about files
 * that we do not see: then nothing is deleted by age.
 */
export const isFullyUnderstood = (metadata: PodMetadata): boolean =>
  Object.entries(metadata).every(
    ([name, value]) =>
      Object.hasOwn(currentSchema.shape, name) || (name === 'older' && Array.isArray(value) && value.length === 0),
  );

const idOf = (tombstone: Tombstone): string => instanceId(tombstone.namespace, tombstone.container_id);
