import type { DeletedLog, DeleteLogQuery, Job, JobPage, JobQuery, ListJobsQuery, LogQuery } from './api-types.ts';
import { parseJson } from './json.ts';
import { fetchLogPage, type LogPage } from './log-page.ts';
import { type LogEvent, streamLog } from './log-stream.ts';
import { type LogRecord, toText } from './records.ts';
import { Transport, type TransportOptions } from './transport.ts';

export type ClientOptions = TransportOptions;

/** Of every call. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export type JobSummary = JobPage['jobs'][number];

/** The reader-api of one Cordwood. All calls reject with {@link CordwoodError}. */
export interface CordwoodClient {
  /** All jobs by name, fetched a page at a time as they are asked for. `limit`: per page. */
  jobs(query?: Omit<ListJobsQuery, 'cursor'>, options?: CallOptions): AsyncGenerator<JobSummary, void, undefined>;
  /** What there is of a job. */
  job(name: string, query?: JobQuery, options?: CallOptions): Promise<Job>;
  /** The messages of a log; with `follow`, until the job is gone. A broken connection is taken up where it broke: each comes exactly once. */
  log(job: string, query?: LogQuery, options?: CallOptions): AsyncGenerator<LogRecord, void, undefined>;
  /** The same, and beside the messages what happens to the log: where its live part begins, and where messages may be missing. */
  logEvents(job: string, query?: LogQuery, options?: CallOptions): AsyncGenerator<LogEvent, void, undefined>;
  /** So many messages (`limit`), and where the next page begins. */
  logPage(job: string, query?: Omit<LogQuery, 'follow'>, options?: CallOptions): Promise<LogPage>;
  /** The log as text, a message at a time, each with a newline at its end. */
  logText(job: string, query?: LogTextQuery, options?: CallOptions): AsyncGenerator<string, void, undefined>;
  /** Drops a log, in one namespace; gives what was dropped. May be repeated. */
  deleteLog(job: string, query?: DeleteLogQuery, options?: CallOptions): Promise<DeletedLog>;
}

export interface LogTextQuery extends LogQuery {
  /** Each message is preceded by its time. */
  readonly timestamps?: boolean;
}

export function createClient(options: ClientOptions): CordwoodClient {
  const transport = new Transport(options);
  const jobPath = (job: string, ...rest: string[]) => ['api', 'v1', 'jobs', job, ...rest];
  const json = <T>(
    path: readonly string[],
    query: object,
    signal: AbortSignal | undefined,
    method: 'GET' | 'DELETE' = 'GET',
  ): Promise<T> =>
    transport.fetch(
      { method, path, query, accept: 'application/json', signal },
      async (response) => parseJson(await response.text()) as T,
    );

  const client: CordwoodClient = {
    async *jobs(query = {}, { signal } = {}) {
      let cursor: string | null = null;
      do {
        const page: JobPage = await json(
          ['api', 'v1', 'jobs'],
          { ...query, ...(cursor !== null && { cursor }) },
          signal,
        );
        yield* page.jobs;
        cursor = page.next_cursor;
      } while (cursor !== null);
    },
    job: (name, query = {}, { signal } = {}) => json(jobPath(name), query, signal),
    logEvents: (job, query = {}, { signal } = {}) => streamLog(transport, { job, query, signal }),
    async *log(job, query, callOptions) {
      for await (const event of client.logEvents(job, query, callOptions)) {
        if (event.type === 'record') yield event.record;
      }
    },
    logPage: (job, query = {}, { signal } = {}) => fetchLogPage(transport, { job, query, signal }),
    async *logText(job, { timestamps = false, ...query } = {}, callOptions) {
      for await (const record of client.log(job, query, callOptions)) yield toText(record, { timestamps });
    },
    deleteLog: (job, query = {}, { signal } = {}) => json(jobPath(job, 'log'), query, signal, 'DELETE'),
  };
  return client;
}
