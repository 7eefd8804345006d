/** Every error that the API answers with: `{"error":{"code","message"}}`. Codes are for programs and never change their meaning. */
export const ERRORS = {
  malformed_request: { status: 400, when: 'The request is not HTTP that can be understood.' },
  malformed_url: { status: 400, when: 'The URL holds a % that begins no character, or bytes that are no UTF-8.' },
  invalid_parameter: { status: 400, when: 'A parameter holds what is not allowed; the message says what is.' },
  unknown_parameter: { status: 400, when: 'There is no such parameter; the message names those there are.' },
  conflicting_parameters: { status: 400, when: 'Parameters contradict each other; the message names them.' },
  cursor_invalid: { status: 400, when: 'The cursor is none that Cordwood gave.' },
  regex_too_costly: { status: 400, when: 'Matching the regular expression takes too long on this log.' },
  ambiguous_namespace: { status: 400, when: 'Several namespaces have the job, and the request names none.' },
  unauthenticated: { status: 401, when: 'The request has no bearer token, or one that is not good (any more).' },
  forbidden: {
    status: 403,
    when: 'Whoever asks may not do this with logs of the job; said in the same words whether there is such a job or not.',
  },
  origin_not_allowed: {
    status: 403,
    when: 'A page of a foreign origin opens a WebSocket, and CORS_ORIGINS does not name it.',
  },
  host_not_allowed: {
    status: 403,
    when: 'AUTH_MODE is unset, and the header Host names something else than this machine: localhost, 127.0.0.1 or [::1].',
  },
  route_not_found: { status: 404, when: 'There is no such route.' },
  job_not_found: { status: 404, when: 'The bucket holds nothing of the job (in the namespace that is meant).' },
  log_expired: { status: 404, when: 'The log was deleted because of its age, not long ago.' },
  log_deleted: { status: 404, when: 'The log was deleted on request, not long ago.' },
  namespace_not_found: { status: 404, when: 'The job exists, but not in the namespace asked for.' },
  container_not_found: { status: 404, when: 'The job has no such container; the message names those it has.' },
  previous_not_found: { status: 404, when: 'The container has no run before its last one (`previous`).' },
  log_not_collected: {
    status: 404,
    when: 'Kubernetes has the pod, but nothing of its log is collected yet, and it cannot be read from Kubernetes.',
  },
  method_not_allowed: { status: 405, when: 'The route exists, but not for this method; see Allow.' },
  not_acceptable: { status: 406, when: 'No format that the header Accept names can be given.' },
  cursor_expired: {
    status: 410,
    when: 'What the cursor points to is gone: the log was deleted, or another took its place. Begin without it.',
  },
  client_idle: {
    status: 408,
    when: 'The client took nothing of the stream for IDLE_CLIENT_TIMEOUT. It sees a reset connection; metrics and log have this.',
  },
  request_timeout: { status: 408, when: 'The request, or its headers, did not arrive in time.' },
  url_too_long: { status: 414, when: 'The URL is longer than MAX_URL_SIZE.' },
  too_many_requests: { status: 429, when: 'More requests within a minute than RATE_LIMIT; see Retry-After.' },
  too_many_streams: {
    status: 429,
    when: 'As many streams are open as MAX_STREAMS or MAX_STREAMS_PER_CLIENT allows; see Retry-After.',
  },
  headers_too_large: { status: 431, when: 'The request line and headers are larger than MAX_HEADER_SIZE.' },
  upgrade_required: { status: 426, when: 'The route is for WebSocket only.' },
  internal_error: { status: 500, when: 'A fault of Cordwood itself; its log tells more.' },
  metadata_unreadable: { status: 500, when: 'The metadata of the job is damaged, or of a newer version.' },
  log_file_missing: { status: 500, when: 'A file that the metadata lists is not in the bucket, at several tries.' },
  log_damaged: {
    status: 500,
    when: 'A merged file of the log has lost records. What is left of the log is sent, and the transfer then broken off.',
  },
  log_replaced: { status: 500, when: 'Another log took the place of this one while it was read.' },
  deletion_unsupported: {
    status: 501,
    when: 'The log cannot be deleted: the store does not honour conditional writes, or part of the log is of unknown namespace or kind.',
  },
  storage_access_denied: { status: 502, when: 'S3 refuses the reader; the message names operation, bucket and key.' },
  storage_bucket_missing: { status: 502, when: 'The bucket does not exist.' },
  storage_error: { status: 502, when: 'S3 answers something that another try will not mend.' },
  server_stopping: {
    status: 503,
    when: 'The reader stops while it follows a log; another replica, or this one later, goes on at the cursor.',
  },
  log_busy: {
    status: 503,
    when: 'The log cannot be deleted now: compaction commits all the time, or has to rebuild the metadata first; see Retry-After.',
  },
  storage_unavailable: { status: 503, when: 'S3 is away or throttles; see Retry-After.' },
  kubernetes_unavailable: { status: 503, when: 'Kubernetes is away, or refuses the reader; see Retry-After.' },
  identity_unavailable: {
    status: 503,
    when: 'Who asks, or what they may do, cannot be found out: Kubernetes or the OIDC issuer is away; see Retry-After.',
  },
  stream_too_long: {
    status: 503,
    when: 'The stream has lasted for MAX_STREAM_DURATION: it is broken off, or ends with an event that says so. Go on where it stopped.',
  },
} as const satisfies Record<string, { readonly status: number; readonly when: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** What any route may answer. */
export const COMMON_ERRORS = [
  'malformed_request',
  'malformed_url',
  'invalid_parameter',
  'unknown_parameter',
  'request_timeout',
  'url_too_long',
  'headers_too_large',
  'host_not_allowed',
  'internal_error',
] as const satisfies ErrorCode[];

/** What a route may answer that is not for everybody. */
export const ACCESS_ERRORS = [
  'unauthenticated',
  'forbidden',
  'too_many_requests',
  'identity_unavailable',
] as const satisfies ErrorCode[];

/** What a route may answer that streams. */
export const STREAM_ERRORS = ['too_many_streams', 'stream_too_long', 'client_idle'] as const satisfies ErrorCode[];

/** What a route may answer that reads the bucket. */
export const STORAGE_ERRORS = [
  'storage_access_denied',
  'storage_bucket_missing',
  'storage_error',
  'storage_unavailable',
] as const satisfies ErrorCode[];

/** What a route may answer that asks Kubernetes. */
export const KUBE_ERRORS = ['kubernetes_unavailable'] as const satisfies ErrorCode[];

/** What a route may answer that takes the parameters of a log. */
export const READ_ERRORS = [
  'conflicting_parameters',
  'cursor_invalid',
  'cursor_expired',
  'regex_too_costly',
  'previous_not_found',
  'log_not_collected',
  'server_stopping',
] as const satisfies ErrorCode[];

/** What a route may answer that reads a log. */
export const LOG_ERRORS = [
  'ambiguous_namespace',
  'job_not_found',
  'log_expired',
  'log_deleted',
  'namespace_not_found',
  'container_not_found',
  'metadata_unreadable',
  'log_file_missing',
  'log_damaged',
  'log_replaced',
] as const satisfies ErrorCode[];

/** An error as the client gets it. The message must hold nothing that the client may not know. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.headers = options.headers ?? {};
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  /** What the client gets, as JSON. */
  get body(): object {
    return { error: { code: this.code, message: this.message } };
  }
}
