export { BufferPool } from './buffer-pool.ts';
export * from './errors.ts';
export type * from './object-store.ts';
export { normalizePrefix, PrefixedObjectStore } from './prefixed-object-store.ts';
export type { S3ClientOptions, StoreRequest } from './s3-client.ts';
export {
  ASSUMED_DIALECT,
  commitsSafely,
  type ConditionalPut,
  probeDialect,
  type ProbedStore,
  type StoreDialect,
} from './s3-dialect.ts';
export { createS3ObjectStore, S3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts';
export type { CommitGuard, CommitLease } from './commit-guard.ts';
export { DamagedGzipError } from './decompress.ts';
export { entryTimes } from './entry-times.ts';
export { Deduplicator } from './deduplicator.ts';
export { mergedSources, type RawSource, rawSources } from './instance-records.ts';
export {
  type ContainerInstance,
  earliestOf,
  endOrderOf,
  firstOrderOf,
  hasTrustedTimes,
  instancesOf,
} from './instances.ts';
export type { ShownMessages } from './instance-text.ts';
export { inTurn } from './in-turn.ts';
export { join, type JoinedRecords, type Source } from './join.ts';
export { formatMark, parseMark } from './mark-token.ts';
export { markOfMessage, MessageCounter } from './message-counter.ts';
export { LogReader, type LogReaderOptions, type PodLog, type ReadOptions } from './log-reader.ts';
export { type Damage, mergedRecords, mergedText, type OnDamage } from './merged-file.ts';
export { describedFile, type DescribedFile, markOf, type Provenance } from './merged-object.ts';
export { MergedIdentities } from './merged-identities.ts';
export { MergedWriter, type MergedWriterOptions, type WrittenFiles } from './merged-writer.ts';
export { isFull, mostOpenFiles, mostRises, planTail } from './merging-policy.ts';
export { CommitLostError, MetadataStore, type MetadataVersion } from './metadata-store.ts';
export { PositionLostError } from './read-position.ts';
export { Pacer } from './pacer.ts';
export { type LineTaker, RawFile, type RawFileOptions, type RawObject } from './raw-file.ts';
export { listRawFiles, podsWithRawFiles, type RawListing, type ScanPage, type StrayObject } from './raw-listing.ts';
export { arrange, compareArrival, lastRawOf, type RawHead, type Run } from './runs.ts';
export type * from './messages.ts';
