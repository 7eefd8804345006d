export { namespaceOfDamaged } from './contents.ts';
export { type FileOwner, instanceId, isReferenceFile, ownerOf } from './owner.ts';
export { emptyPodMetadata, isLogFile, MetadataError, parsePodMetadata, serializePodMetadata } from './parse.ts';
export type { DamagedRaw, LastRaw, LogFile, MergedRaw, PodMetadata, Tombstone } from './schema.ts';
export * from './deletion-request.ts';
export * from './retention.ts';
export * from './tombstones.ts';
export {
  applyClean,
  applyDrop,
  applyReplacement,
  applyFence,
  applyMerge,
  type Commit,
  type DueForCleaning,
  dueForCleaning,
  findOrphans,
  formatStamp,
  type Merge,
  mergedVersions,
  type RawVersion,
  type Replacement,
} from './transitions.ts';
