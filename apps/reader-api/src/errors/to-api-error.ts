import { KubeError } from '@cordwood/kube';
import { NoPreviousInstanceError } from '@cordwood/live-log';
import {
  AccessDeniedError,
  DamagedLogError,
  NoSuchBucketError,
  NotFoundError,
  PositionLostError,
  PreconditionFailedError,
  StoreError,
  StoreUnavailableError,
} from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';
import { ApiError } from './catalogue.ts';

/** Seconds after which a client may find S3 or Kubernetes back. */
const RETRY_AFTER = '5';

/** Whatever a handler threw, as the error that the client gets. Messages of StoreErrors name operation, bucket and key. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof MetadataError) return new ApiError('metadata_unreadable', thrown.message, { cause: thrown });
  if (thrown instanceof StoreError) return ofStore(thrown);
  if (thrown instanceof DamagedLogError) return new ApiError('log_damaged', thrown.message, { cause: thrown });
  if (thrown instanceof PositionLostError) return new ApiError('log_replaced', thrown.message, { cause: thrown });
  if (thrown instanceof KubeError) return ofKubernetes(thrown);
  if (thrown instanceof NoPreviousInstanceError) {
    return new ApiError('previous_not_found', thrown.message, { cause: thrown });
  }
  // Express and its router put a status on errors that are the client's doing: a path that cannot be decoded.
  if (thrown instanceof URIError) {
    return new ApiError('malformed_url', 'the path is not percent-encoded UTF-8', { cause: thrown });
  }
  return new ApiError('internal_error', 'something went wrong in the reader; its log tells more', { cause: thrown });
}

function ofKubernetes(error: KubeError): ApiError {
  const retryAfter = error.retryAfter === undefined ? RETRY_AFTER : String(Math.ceil(error.retryAfter));
  return new ApiError('kubernetes_unavailable', error.message, {
    cause: error,
    headers: { 'Retry-After': retryAfter },
  });
}

function ofStore(error: StoreError): ApiError {
  const options = { cause: error };
  if (error instanceof StoreUnavailableError) {
    return new ApiError('storage_unavailable', error.message, { ...options, headers: { 'Retry-After': RETRY_AFTER } });
  }
  if (error instanceof AccessDeniedError) return new ApiError('storage_access_denied', error.message, options);
  if (error instanceof NoSuchBucketError) return new ApiError('storage_bucket_missing', error.message, options);
  if (error instanceof NotFoundError || error instanceof PreconditionFailedError) {
    return new ApiError('log_file_missing', error.message, options);
  }
  return new ApiError('storage_error', error.message, options);
}
