import {
  AccessDeniedError,
  NoSuchBucketError,
  NotFoundError,
  PreconditionFailedError,
  QuotaExceededError,
  StoreError,
  type StoreErrorDetails,
  StoreUnavailableError,
} from './errors.ts';

/** The operation that failed, for the message and for what the same status means in different operations. */
export interface FailedOperation {
  readonly operation: string;
  readonly bucket: string;
  readonly key?: string | undefined;
  /** A write with a condition. */
  readonly conditionalWrite?: boolean | undefined;
}

const QUOTA_CODES = new Set(['QuotaExceeded', 'InsufficientStorage', 'StorageFull']);
/** Answers with a 4xx status that nevertheless mean: try again later. */
const TRANSIENT_CODES = new Set(['RequestTimeout', 'SlowDown', 'Throttling', 'ThrottlingException', 'TooManyRequests']);
/** Thrown without an answer of the store, and not by the network. */
const OUR_MISTAKES = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'EndpointError']);
const CONFIGURATION_ERRORS = new Set(['CredentialsProviderError', 'TokenProviderError']);

/** What the SDK throws, as one of ours. Errors that are ours already pass through. */
export function toStoreError(error: unknown, failed: FailedOperation): StoreError {
  if (error instanceof StoreError) return error;
  const { name, message, code: networkCode, status } = describe(error);
  const code = status === undefined ? networkCode : name;
  const details: StoreErrorDetails = { ...failed, code, status, cause: error };

  if (status === undefined) {
    if (name !== undefined && CONFIGURATION_ERRORS.has(name)) return new AccessDeniedError(message, details);
    // The SDK has no name of its own for a region that nobody configured.
    return (name !== undefined && OUR_MISTAKES.has(name)) || message === 'Region is missing'
      ? new StoreError(message, details)
      : new StoreUnavailableError(message, details);
  }
  // The SDK writes `UnknownError` where the store sent no message.
  const text = [`${status} ${name ?? ''}`, ...(message === 'UnknownError' ? [] : [message])].join(': ');
  if (name === 'NoSuchBucket') return new NoSuchBucketError(text, details);
  if (name !== undefined && QUOTA_CODES.has(name)) return new QuotaExceededError(text, details);
  if (name !== undefined && TRANSIENT_CODES.has(name)) return new StoreUnavailableError(text, details);
  if (failed.conditionalWrite === true && isLostRace(status)) return new PreconditionFailedError(text, details);
  switch (status) {
    case 401:
    case 403:
      return new AccessDeniedError(text, details);
    case 404:
      return new NotFoundError(text, details);
    case 412:
      return new PreconditionFailedError(text, details);
    case 408:
    case 429:
      return new StoreUnavailableError(text, details);
    case 507:
      return new QuotaExceededError(text, details);
    // The store does not know the operation or one of its headers, and will not tomorrow either.
    case 501:
      return new StoreError(text, details);
    default:
      return status >= 500 ? new StoreUnavailableError(text, details) : new StoreError(text, details);
  }
}

/**
 * AWS answers 409 to concurrent conditional writes and 404 to If-Match on an absent object; old Ceph answers 500 to some losers of
 * a race (after the SDK's retries, should it stay so). All say the same: look again before you decide.
 */
function isLostRace(status: number): boolean {
  return status === 404 || status === 409 || status === 412 || status === 500;
}

interface Described {
  readonly name: string | undefined;
  readonly message: string;
  readonly code: string | undefined;
  readonly status: number | undefined;
}

function describe(error: unknown): Described {
  if (!(error instanceof Error)) return { name: undefined, message: String(error), code: undefined, status: undefined };
  const { $metadata, code } = error as { $metadata?: { httpStatusCode?: number }; code?: unknown };
  return {
    name: error.name,
    message: error.message || error.name,
    code: typeof code === 'string' ? code : undefined,
    status: $metadata?.httpStatusCode,
  };
}
