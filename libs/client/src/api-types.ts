// Made of /openapi.json by `npm run client:types`; a test fails when they differ.

/** Codes of errors that the API answers with. */
export type ApiErrorCode =
  /** The request is not HTTP that can be understood. */
  | 'malformed_request'
  /** The URL holds a % that begins no character, or bytes that are no UTF-8. */
  | 'malformed_url'
  /** A parameter holds what is not allowed; the message says what is. */
  | 'invalid_parameter'
  /** There is no such parameter; the message names those there are. */
  | 'unknown_parameter'
  /** Parameters contradict each other; the message names them. */
  | 'conflicting_parameters'
  /** The cursor is none that Cordwood gave. */
  | 'cursor_invalid'
  /** Matching the regular expression takes too long on this log. */
  | 'regex_too_costly'
  /** Several namespaces have the job, and the request names none. */
  | 'ambiguous_namespace'
  /** The request has no bearer token, or one that is not good (any more). */
  | 'unauthenticated'
  /** Whoever asks may not do this with logs of the job; said in the same words whether there is such a job or not. */
  | 'forbidden'
  /** A page of a foreign origin opens a WebSocket, and CORS_ORIGINS does not name it. */
  | 'origin_not_allowed'
  /** AUTH_MODE is unset, and the header Host names something else than this machine: localhost, 127.0.0.1 or [::1]. */
  | 'host_not_allowed'
  /** There is no such route. */
  | 'route_not_found'
  /** The bucket holds nothing of the job (in the namespace that is meant). */
  | 'job_not_found'
  /** The log was deleted because of its age, not long ago. */
  | 'log_expired'
  /** The log was deleted on request, not long ago. */
  | 'log_deleted'
  /** The job exists, but not in the namespace asked for. */
  | 'namespace_not_found'
  /** The job has no such container; the message names those it has. */
  | 'container_not_found'
  /** The container has no run before its last one (`previous`). */
  | 'previous_not_found'
  /** Kubernetes has the pod, but nothing of its log is collected yet, and it cannot be read from Kubernetes. */
  | 'log_not_collected'
  /** The route exists, but not for this method; see Allow. */
  | 'method_not_allowed'
  /** No format that the header Accept names can be given. */
  | 'not_acceptable'
  /** What the cursor points to is gone: the log was deleted, or another took its place. Begin without it. */
  | 'cursor_expired'
  /** The client took nothing of the stream for IDLE_CLIENT_TIMEOUT. It sees a reset connection; metrics and log have this. */
  | 'client_idle'
  /** The request, or its headers, did not arrive in time. */
  | 'request_timeout'
  /** The URL is longer than MAX_URL_SIZE. */
  | 'url_too_long'
  /** More requests within a minute than RATE_LIMIT; see Retry-After. */
  | 'too_many_requests'
  /** As many streams are open as MAX_STREAMS or MAX_STREAMS_PER_CLIENT allows; see Retry-After. */
  | 'too_many_streams'
  /** The request line and headers are larger than MAX_HEADER_SIZE. */
  | 'headers_too_large'
  /** The route is for WebSocket only. */
  | 'upgrade_required'
  /** A fault of Cordwood itself; its log tells more. */
  | 'internal_error'
  /** The metadata of the job is damaged, or of a newer version. */
  | 'metadata_unreadable'
  /** A file that the metadata lists is not in the bucket, at several tries. */
  | 'log_file_missing'
  /** A merged file of the log has lost records. What is left of the log is sent, and the transfer then broken off. */
  | 'log_damaged'
  /** Another log took the place of this one while it was read. */
  | 'log_replaced'
  /** The log cannot be deleted: the store does not honour conditional writes, or part of the log is of unknown namespace or kind. */
  | 'deletion_unsupported'
  /** S3 refuses the reader; the message names operation, bucket and key. */
  | 'storage_access_denied'
  /** The bucket does not exist. */
  | 'storage_bucket_missing'
  /** S3 answers something that another try will not mend. */
  | 'storage_error'
  /** The reader stops while it follows a log; another replica, or this one later, goes on at the cursor. */
  | 'server_stopping'
  /** The log cannot be deleted now: compaction commits all the time, or has to rebuild the metadata first; see Retry-After. */
  | 'log_busy'
  /** S3 is away or throttles; see Retry-After. */
  | 'storage_unavailable'
  /** Kubernetes is away, or refuses the reader; see Retry-After. */
  | 'kubernetes_unavailable'
  /** Who asks, or what they may do, cannot be found out: Kubernetes or the OIDC issuer is away; see Retry-After. */
  | 'identity_unavailable'
  /** The stream has lasted for MAX_STREAM_DURATION: it is broken off, or ends with an event that says so. Go on where it stopped. */
  | 'stream_too_long';

/** The status that each has, also where it came after the first byte. */
export const STATUS_OF: Readonly<Record<ApiErrorCode, number>> = {
  malformed_request: 400,
  malformed_url: 400,
  invalid_parameter: 400,
  unknown_parameter: 400,
  conflicting_parameters: 400,
  cursor_invalid: 400,
  regex_too_costly: 400,
  ambiguous_namespace: 400,
  unauthenticated: 401,
  forbidden: 403,
  origin_not_allowed: 403,
  host_not_allowed: 403,
  route_not_found: 404,
  job_not_found: 404,
  log_expired: 404,
  log_deleted: 404,
  namespace_not_found: 404,
  container_not_found: 404,
  previous_not_found: 404,
  log_not_collected: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  cursor_expired: 410,
  client_idle: 408,
  request_timeout: 408,
  url_too_long: 414,
  too_many_requests: 429,
  too_many_streams: 429,
  headers_too_large: 431,
  upgrade_required: 426,
  internal_error: 500,
  metadata_unreadable: 500,
  log_file_missing: 500,
  log_damaged: 500,
  log_replaced: 500,
  deletion_unsupported: 501,
  storage_access_denied: 502,
  storage_bucket_missing: 502,
  storage_error: 502,
  server_stopping: 503,
  log_busy: 503,
  storage_unavailable: 503,
  kubernetes_unavailable: 503,
  identity_unavailable: 503,
  stream_too_long: 503,
};

/** Parameters of `listJobs`. */
export interface ListJobsQuery {
  /** Jobs per page, at most. */
  readonly limit?: number | undefined;
  /** The `next_cursor` of an earlier answer: what follows it. All else must be as it was then. */
  readonly cursor?: string | undefined;
  /** Only jobs whose names begin so. */
  readonly prefix?: string | undefined;
  /** Only jobs of this namespace. Default: that of `JOBS_NAMESPACE`, else all. */
  readonly namespace?: string | undefined;
}

/** Parameters of `getJob`. */
export interface JobQuery {
  /** The Kubernetes namespace. Default: that of `JOBS_NAMESPACE`, else the only one that has the job; needed only where several have it. */
  readonly namespace?: string | undefined;
}

/** Parameters of `getLog`. */
export interface LogQuery {
  /** Only messages at or after this: an RFC 3339 time, or a duration back from now (by the clock of the store). */
  readonly since?: string | undefined;
  /** Only messages at or before this: an RFC 3339 time, or a duration back from now (by the clock of the store). */
  readonly until?: string | undefined;
  /** Only so many messages at the end, of those that fit otherwise. Does not follow unless asked to. */
  readonly tail?: number | undefined;
  /** At most so many messages: a page. `X-Next-Cursor` says where the next one begins. A page ends earlier when it holds 8 MiB. Never follows. */
  readonly limit?: number | undefined;
  /** Only messages after the one that this came with. A `since` that is a duration is then not applied again: it counted from the first request. */
  readonly cursor?: string | undefined;
  /** The container; `*` for all. Default: the one named like the job, else the first of the log. The header `X-Container` says which it is. */
  readonly container?: string | undefined;
  /** The Kubernetes namespace. Default: that of `JOBS_NAMESPACE`, else the only one that has the job; needed only where several have it. */
  readonly namespace?: string | undefined;
  /** Only messages of this stream. Kubernetes does not tell it of live logs: the archive alone is read. */
  readonly stream?: 'stdout' | 'stderr' | undefined;
  /** The run of the container before its last one, instead of all of them. Never follows. */
  readonly previous?: boolean | undefined;
  /** Go on with what comes. Default: text, events and WebSocket follow a pod that Kubernetes knows to be alive until it ends, unless `tail`, `limit`, `until`, `previous` or `download` is given. */
  readonly follow?: boolean | undefined;
  /** Only messages that hold this text. */
  readonly contains?: string | undefined;
  /** Only messages that this regular expression fits somewhere: RE2, so without catastrophic backtracking, look-around and back references; `(?i)` at its beginning ignores case. */
  readonly regex?: string | undefined;
}

/** Parameters of `deleteLog`. */
export interface DeleteLogQuery {
  /** The Kubernetes namespace. Default: that of `JOBS_NAMESPACE`, else the only one that has the job; needed only where several have it. */
  readonly namespace?: string | undefined;
  /** Only of this container. Default: of all, as `*`. */
  readonly container?: string | undefined;
}

/** One run of a container. */
export interface ContainerInstance {
  readonly container_id: string;
  readonly merged: MergedFiles;
  readonly raw: RawFiles;
}

export interface DeletedLog {
  readonly job: string;
  readonly namespace: string;
  /** Each run of a container. One that was deleted before stands here again, with nothing left to delete. */
  readonly deleted: readonly {
    readonly container: string;
    readonly container_id: string;
    /** Records up to this time are gone, also those that arrive later. */
    readonly until: string;
    readonly merged_files: number;
    /** Of the merged files. */
    readonly records: number;
    /** Of the merged files. */
    readonly stored_bytes: number;
    /** That were not merged yet. */
    readonly raw_files: number;
  }[];
}

export interface Job {
  readonly name: string;
  readonly last_compaction_time: string | null;
  readonly namespaces: readonly {
    /** Null: nothing tells the namespace of these files. */
    readonly name: string | null;
    readonly containers: readonly {
      readonly name: string;
      /** In the order in which they began. */
      readonly instances: readonly ContainerInstance[];
    }[];
  }[];
  /** Objects of which something could not be decoded. */
  readonly damaged: readonly {
    readonly key: string;
    readonly reason: string;
    readonly kept_as: string;
  }[];
  /** What was deleted not long ago, by age or on request. */
  readonly deleted: readonly {
    readonly namespace: string;
    readonly container: string;
    readonly container_id: string;
    /** Records up to this time are gone. */
    readonly until: string;
    readonly deleted_at: string;
    readonly reason: 'retention' | 'request';
  }[];
  /** Objects below the job’s prefix whose keys mean nothing. */
  readonly stray: readonly {
    readonly key: string;
    readonly problem: string;
  }[];
}

export interface JobPage {
  readonly jobs: readonly {
    /** The name of the pod. */
    readonly name: string;
    /** Something of it has been merged once. */
    readonly has_merged_files: boolean;
    /** Fluent Bit has written files of it that are still there. */
    readonly has_raw_files: boolean;
  }[];
  /** For the parameter `cursor` of the next request; null: that was the last page. */
  readonly next_cursor: string | null;
}

/** Of the event `end`. */
export interface LogEnd {
  /** For the parameter `cursor` of the next request. Null: the log is over, or there was no message yet. */
  readonly next_cursor?: string | null;
  /** Whether there are more messages right now. */
  readonly has_more?: boolean;
  /** `complete`, `caught_up` or `page`: it is the log that ended. `stream_too_long`, the code of that error: go on after the last id. */
  readonly reason: string;
  /** Of an error, which has no `next_cursor` and no `has_more`. */
  readonly message?: string;
}

/** Messages may be missing: Kubernetes no longer has them, and the archive did not get them in time. */
export interface LogGap {
  readonly namespace?: string;
  readonly container: string;
  readonly container_id: string;
  /** Nothing is missing up to this time. Absent: nothing had come before. */
  readonly after?: string;
  /** Nothing is missing from this time on. */
  readonly before: string;
}

/** A message. */
export interface LogLine {
  /** When it was logged, as the container runtime wrote it: RFC 3339 with all its digits, in its zone. */
  readonly time: string;
  /** Absent: unknown, as Kubernetes does not tell it of live logs. */
  readonly stream?: 'stdout' | 'stderr';
  /** Absent: nothing tells it, of logs of the reference. */
  readonly namespace?: string;
  readonly container: string;
  /** Of the container instance: a restart makes another one. */
  readonly container_id: string;
  /** The message, its parts joined. Mostly with a newline at its end. */
  readonly log: string;
}

/** What Cordwood has merged. */
export interface MergedFiles {
  readonly files: number;
  readonly records: number;
  /** Of the records, before compression. */
  readonly bytes: number;
  /** In the bucket; null where nobody noted it down. */
  readonly stored_bytes: number | null;
  /** The earliest. */
  readonly first_record_time: string | null;
  /** The latest. */
  readonly last_record_time: string | null;
  /** Whether counts and times can be relied on. */
  readonly exact: boolean;
}

/** The last line, where `limit` or `cursor` is given. */
export interface NextPage {
  /** For the parameter `cursor` of the next request. Null: the log is over, or there was no message yet. */
  readonly next_cursor: string | null;
  /** Whether there are more messages right now. */
  readonly has_more: boolean;
}

/** What Fluent Bit wrote and is not merged yet. */
export interface RawFiles {
  readonly files: number;
  readonly stored_bytes: number;
  /** To the minute, from the names of the files. */
  readonly first_date: string | null;
  /** To the minute, from the names of the files. */
  readonly last_date: string | null;
}
