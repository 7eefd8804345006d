import { type ApiErrorCode, type LogEnd, type LogGap, type LogLine, type LogQuery, STATUS_OF } from './api-types.ts';
import { textOf } from './body.ts';
import { CordwoodError } from './errors.ts';
import { EventParser, type ServerEvent } from './event-parser.ts';
import { parseJson } from './json.ts';
import { type LogRecord, toRecord } from './records.ts';
import { pinned } from './relative-times.ts';
import type { Transport } from './transport.ts';

/** What happens to a log while it is read. */
export type LogEvent =
  | { readonly type: 'record'; readonly record: LogRecord }
  /** What follows comes from the running container, not from the archive. Once at most. */
  | { readonly type: 'live' }
  /** Messages may be missing here: Kubernetes no longer has them, and the archive did not get them in time. */
  | { readonly type: 'gap'; readonly gap: LogGap };

export interface LogStreamRequest {
  readonly job: string;
  readonly query: LogQuery;
  readonly signal: AbortSignal | undefined;
}

/**
 * A log from its beginning (or `cursor`) to its end; with `follow`, until the job is gone. Each event bears the place where it stands, so a
 * transfer that breaks is taken up right after the last one that came: none is lost, and none comes twice. Those of several containers that
 * are followed together bear none: then the first break is thrown.
 * @throws CordwoodError for what will not mend, and for the last of as many failures in a row as `retry.attempts`
 */
export async function* streamLog(
  transport: Transport,
  { job, query: { limit = Infinity, follow = false, ...query }, signal }: LogStreamRequest,
): AsyncGenerator<LogEvent> {
  const backoff = transport.backoff();
  let next: LogQuery = query;
  let left = limit;
  let isLive = false;
  /** What a `since` that is a duration meant at first: beside a cursor the service takes care of that. */
  let since: string | undefined;
  /** Records have come that bear no place: going on would give them twice. */
  let isLost = false;
  while (left > 0) {
    const parser = new EventParser();
    let connectedAt: number | undefined;
    try {
      const response = await transport.send({
        path: ['api', 'v1', 'jobs', job, 'log'],
        // Said in any case: left to itself, the service follows what is alive. And `limit` is for pages, which are bounded: we just leave.
        query: { ...next, ...(next.cursor === undefined && since !== undefined && { since }), follow },
        accept: 'text/event-stream',
        signal,
      });
      expectEvents(response);
      connectedAt = performance.now();
      const date = response.headers.get('date');
      since ??= pinned(query.since, date);
      next = { ...next, until: pinned(next.until, date) };
      for await (const text of textOf(response, { signal, idleTimeout: transport.idleTimeout })) {
        for (const event of parser.push(text)) {
          if (event.type === 'end') {
            expectEnd(event.data);
            return;
          }
          const told = read(event);
          if (told?.type === 'live' && isLive) continue;
          isLive ||= told?.type === 'live';
          backoff.succeeded();
          // Noted before it is given away: who leaves the loop with an error has seen it.
          next = after(event.id, next);
          if (told?.type === 'record') {
            left--;
            isLost = event.id === undefined || event.id === '';
          }
          if (told !== undefined) yield told;
          if (left === 0) return;
        }
        next = after(parser.lastId, next);
      }
      throw new CordwoodError('transfer_broken', 'the stream ended before the log did');
    } catch (error) {
      if (isLost) throw error;
      // A silent job is no failure, however often a proxy or a stopping service ends the connection.
      if (connectedAt !== undefined) backoff.lasted(performance.now() - connectedAt);
      await backoff.wait(error, signal);
    }
  }
}

/** The query that goes on after `cursor`. What counted from the log's end has done its work by then. */
function after(cursor: string | undefined, query: LogQuery): LogQuery {
  if (cursor === undefined || cursor === '' || cursor === query.cursor) return query;
  const { tail: _, ...rest } = query;
  return { ...rest, cursor };
}

function expectEvents(response: Response): void {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) return;
  response.body?.cancel().catch(() => undefined);
  throw new CordwoodError('unexpected_answer', `an answer of type ${JSON.stringify(type)}`, {
    status: response.status,
  });
}

/** Undefined for what this client does not know: a newer service may say more. */
function read({ type, data, id }: ServerEvent): LogEvent | undefined {
  switch (type) {
    case 'message':
      return { type: 'record', record: toRecord(parseJson(data) as LogLine, id) };
    case 'live':
      return { type: 'live' };
    case 'gap':
      return { type: 'gap', gap: parseJson(data) as LogGap };
    case 'error':
      throw failureIn(data);
    default:
      return undefined;
  }
}

/** @throws CordwoodError when it is the stream that ended, and not the log */
function expectEnd(data: string): void {
  const { reason, message } = parseJson(data) as LogEnd;
  if (Object.hasOwn(STATUS_OF, reason)) throw failure(reason, message);
}

/** What went wrong after the first byte, when the status was sent already. A newer service may have codes that we do not know. */
const failure = (code: string, message = 'the service ended the stream'): CordwoodError =>
  new CordwoodError(code as ApiErrorCode, message, { status: STATUS_OF[code as ApiErrorCode] });

function failureIn(data: string): CordwoodError {
  const { code, message } = parseJson(data) as { readonly code: string; readonly message?: string };
  return failure(code, message);
}
