import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type { Caller } from '../access/caller.ts';
import { textFilter } from './filters.ts';
import type { TextFormatOptions } from './format/text.ts';
import type { LogRequest, OpenedLog } from './job-logs.ts';
import { checkConflicts, type logParameters, markOfCursor } from './log-parameters.ts';

type LogQuery = { readonly [Name in keyof typeof logParameters]?: z.output<(typeof logParameters)[Name]> };

export interface RequestOptions {
  readonly job: string;
  readonly query: LogQuery;
  /** HTTP: it is to be saved. */
  readonly download?: boolean;
  /** HTTP: the format that the query names. */
  readonly format?: string | undefined;
  /** Whether the answer is text, and nothing but that. */
  readonly isText?: boolean;
  /** Whether the format is one that follows a live log unless told not to. */
  readonly followsByDefault: boolean;
  /** The header: of a client that connects again, with the URL of its first request. */
  readonly lastEventId?: string | undefined;
  readonly headOnly: boolean;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** What a query asks for. Throws ApiError for what contradicts itself, or stands for nothing. */
export function logRequest(options: RequestOptions): LogRequest {
  const { job, query, download = false, format, isText = false, lastEventId, headOnly, caller, signal } = options;
  const { since, until, limit, container, namespace, stream, previous = false } = query;
  checkConflicts({ ...query, download, format });
  // The place that it had reached counts, not where its first request began.
  const cursor = lastEventId ?? query.cursor;
  const tail = lastEventId === undefined ? query.tail : undefined;
  const ends = download || previous || until !== undefined || limit !== undefined || query.tail !== undefined;
  return {
    job,
    namespace,
    container,
    since,
    until,
    tail,
    after: cursor === undefined ? undefined : markOfCursor(cursor),
    wanted: textFilter({ contains: query.contains, regex: query.regex }),
    stream,
    previous,
    asText: isText && isPlain(query) ? { timestamps: query.timestamps ?? false } : undefined,
    follow: query.follow ?? (options.followsByDefault && !ends ? 'while-alive' : false),
    headOnly,
    caller,
    signal,
  };
}

/** Whether nothing but messages is shown, and nothing of them but their times. */
const isPlain = ({ prefix = false, debug = false, limit }: LogQuery): boolean =>
  !prefix && !debug && limit === undefined;

export function textOptions({
  timestamps = false,
  prefix = false,
  debug = false,
  separator,
}: LogQuery): TextFormatOptions {
  return { timestamps, prefix, debug, separator: separator ?? `=== Live logs ===${randomBytes(8).toString('hex')}` };
}

/** What headers tell of a log that was opened. */
export const logHeaders = (
  { containers, deletedUntil, namespace }: OpenedLog,
  separator: string,
): Record<string, string> => ({
  'X-Separator': separator,
  ...(containers.length > 0 && { 'X-Container': containers.join(',') }),
  ...(deletedUntil !== undefined && { 'X-Log-Deleted-Until': deletedUntil }),
  ...(namespace !== undefined && { 'X-Namespace': namespace }),
});
