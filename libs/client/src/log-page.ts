import type { LogGap, LogLine, LogQuery, NextPage } from './api-types.ts';
import { textOf } from './body.ts';
import { CordwoodError } from './errors.ts';
import { parseJson } from './json.ts';
import { LineSplitter } from './lines.ts';
import { type LogRecord, toRecord } from './records.ts';
import type { Transport } from './transport.ts';

/** So many messages of a log. */
export interface LogPage {
  readonly records: readonly LogRecord[];
  /** `cursor` of the next page. Undefined: the log is over, or there is nothing of it yet. */
  readonly nextCursor: string | undefined;
  /** Whether there are more messages right now; a log that is not over may have more later. */
  readonly hasMore: boolean;
}

export interface LogPageRequest {
  readonly job: string;
  readonly query: LogQuery;
  readonly signal: AbortSignal | undefined;
}

/** A line that is no message. */
type Notice = NextPage | { readonly gap: LogGap };

const DEFAULT_LIMIT = 1_000;

/** A page is given when it is whole: one that breaks off is asked for again. */
export function fetchLogPage(transport: Transport, { job, query, signal }: LogPageRequest): Promise<LogPage> {
  const request = {
    path: ['api', 'v1', 'jobs', job, 'log'],
    query: { limit: DEFAULT_LIMIT, ...query },
    accept: 'application/x-ndjson',
    signal,
  };
  return transport.fetch(request, async (response) => {
    const records: LogRecord[] = [];
    const splitter = new LineSplitter();
    for await (const text of textOf(response, { signal, idleTimeout: transport.idleTimeout })) {
      for (const line of splitter.push(text)) {
        const value = parseJson(line) as LogLine | Notice;
        if ('log' in value) records.push(toRecord(value));
        else if ('has_more' in value) {
          return { records, nextCursor: value.next_cursor ?? undefined, hasMore: value.has_more };
        }
      }
    }
    throw new CordwoodError('transfer_broken', 'the page has no end');
  });
}
