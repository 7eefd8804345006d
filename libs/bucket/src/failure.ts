import {
  AccessDeniedError,
  CommitLostError,
  NoSuchBucketError,
  QuotaExceededError,
  StoreUnavailableError,
} from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';

/** Why work on a pod failed, for metrics and for what to do next. Only `metadata` is not worth another try. */
export type Failure = 'metadata' | 'denied' | 'no_bucket' | 'quota' | 'unavailable' | 'commit_lost' | 'other';

export function failureOf(error: unknown): Failure {
  if (error instanceof MetadataError) return 'metadata';
  if (error instanceof AccessDeniedError) return 'denied';
  if (error instanceof NoSuchBucketError) return 'no_bucket';
  if (error instanceof QuotaExceededError) return 'quota';
  if (error instanceof StoreUnavailableError) return 'unavailable';
  if (error instanceof CommitLostError) return 'commit_lost';
  return 'other';
}
