export { type FileOwner, isReferenceFile, ownerOf } from './owner.ts';
export { emptyPodMetadata, MetadataError, parsePodMetadata, serializePodMetadata } from './parse.ts';
export type { DamagedRaw, LastRaw, LogFile, MergedRaw, PodMetadata } from './schema.ts';
export * from './transitions.ts';
