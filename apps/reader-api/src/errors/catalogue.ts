/** Every error that the API answers with: `{"error":{"code","message"}}`. Codes are for programs and never change their meaning. */
export const ERRORS = {
  malformed_request: { status: 400, when: 'The request is not HTTP that can be understood.' },
  malformed_url: { status: 400, when: 'The URL holds a % that begins no character, or bytes that are no UTF-8.' },
  invalid_parameter: { status: 400, when: 'A parameter holds what is not allowed; the message says what is.' },
  unknown_parameter: { status: 400, when: 'There is no such parameter; the message names those there are.' },
  ambiguous_namespace: { status: 400, when: 'Several namespaces have the job, and the request names none.' },
  route_not_found: { status: 404, when: 'There is no such route.' },
  job_not_found: { status: 404, when: 'The bucket holds nothing of the job (in the namespace that is meant).' },
  namespace_not_found: { status: 404, when: 'The job exists, but not in the namespace asked for.' },
  container_not_found: { status: 404, when: 'The job has no such container; the message names those it has.' },
  method_not_allowed: { status: 405, when: 'The route exists, but not for this method; see Allow.' },
  internal_error: { status: 500, when: 'A fault of Cordwood itself; its log tells more.' },
  metadata_unreadable: { status: 500, when: 'The metadata of the job is damaged, or of a newer version.' },
  log_file_missing: { status: 500, when: 'A file that the metadata lists is not in the bucket, at several tries.' },
  storage_access_denied: { status: 502, when: 'S3 refuses the reader; the message names operation, bucket and key.' },
  storage_bucket_missing: { status: 502, when: 'The bucket does not exist.' },
  storage_error: { status: 502, when: 'S3 answers something that another try will not mend.' },
  storage_unavailable: { status: 503, when: 'S3 is away or throttles; see Retry-After.' },
} as const satisfies Record<string, { readonly status: number; readonly when: string }>;

export type ErrorCode = keyof typeof ERRORS;

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

  get body(): { readonly error: { readonly code: ErrorCode; readonly message: string } } {
    return { error: { code: this.code, message: this.message } };
  }
}
