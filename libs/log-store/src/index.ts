export * from './errors.ts';
export type * from './object-store.ts';
export { normalizePrefix, PrefixedObjectStore } from './prefixed-object-store.ts';
export type { S3ClientOptions, StoreRequest } from './s3-client.ts';
export { ASSUMED_DIALECT, commitsSafely, probeDialect, type ProbedStore, type StoreDialect } from './s3-dialect.ts';
export { createS3ObjectStore, S3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts';
