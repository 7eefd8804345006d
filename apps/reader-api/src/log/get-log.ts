import { Readable } from 'node:stream';
import { z } from 'zod';
import { KUBE_ERRORS, LOG_ERRORS, READ_ERRORS, STORAGE_ERRORS } from '../errors/catalogue.ts';
import { ApiError } from '../errors/catalogue.ts';
import { acceptsEncoding, negotiate } from '../http/accept.ts';
import type { ApiReply } from '../http/handler.ts';
import { operation } from '../http/operation.ts';
import { booleanParameter, jobPath } from '../http/parameters.ts';
import { parameter } from '../http/query.ts';
import { encodeLog, encodePage } from './encode-log.ts';
import type { EncoderOf } from './format/encoder.ts';
import { EventFormat } from './format/events.ts';
import { NdjsonFormat } from './format/ndjson.ts';
import { TextFormat, type TextFormatOptions } from './format/text.ts';
import { HEADERS_OF_LOG, LOG_CONTENT, LOG_DESCRIPTION } from './log-docs.ts';
import type { JobLogs } from './job-logs.ts';
import { logParameters } from './log-parameters.ts';
import { logHeaders, logRequest, textOptions } from './log-request.ts';

/** Formats by the name that the query has for them; the first is what is given when nothing is asked for. */
const FORMATS = { text: 'text/plain', ndjson: 'application/x-ndjson', sse: 'text/event-stream' } as const;
type Format = keyof typeof FORMATS;

const querySchema = z.strictObject({
  ...logParameters,
  format: parameter(
    'text, ndjson or sse',
    (text): Format | undefined => (Object.hasOwn(FORMATS, text) ? (text as Format) : undefined),
    {
      enum: Object.keys(FORMATS),
      description: 'The format, for links, which can send no header `Accept`; it counts more than that.',
    },
  ).optional(),
  download: booleanParameter(
    'The log as a file: with `Content-Disposition`, and gzip when the client accepts it. Never follows.',
  ).optional(),
});

export interface GetLogOptions {
  readonly logs: Pick<JobLogs, 'open'>;
  /** SSE_HEARTBEAT_INTERVAL, in ms. */
  readonly heartbeatMs: number;
}

/** `GET /api/v1/jobs/{job}/log`: the log. */
export const getLog = ({ logs, heartbeatMs }: GetLogOptions) =>
  operation({
    id: 'getLog',
    method: 'get',
    route: '/api/v1/jobs/:job/log',
    tag: 'logs',
    isStream: true,
    summary: 'The log of a job',
    description: LOG_DESCRIPTION,
    path: jobPath,
    query: querySchema,
    requestHeaders: {
      Accept: { description: 'Which format: `text/plain` (default), `application/x-ndjson`, `text/event-stream`.' },
      'Last-Event-ID': {
        description:
          'The id of the last event that came: goes on after it, as browsers do by themselves. It counts instead of `cursor`, `tail`, and a `since` that is a duration.',
      },
    },
    responses: {
      200: {
        description: 'The log. A transfer that breaks off is not whole; one that ends is.',
        headers: HEADERS_OF_LOG,
        content: LOG_CONTENT,
      },
      204: { description: 'Nothing comes after `Last-Event-ID`: whoever connects again by itself may stop.' },
    },
    errors: [...LOG_ERRORS, ...READ_ERRORS, ...KUBE_ERRORS, ...STORAGE_ERRORS, 'not_acceptable'],
    handle: async ({ path: { job }, query, headOnly, headers, caller, signal }) => {
      const format = query.format ?? formatOf(headers.accept);
      const { limit, download = false } = query;
      const lastEventId = asked(headers['last-event-id']);
      const followsByDefault = format !== 'ndjson';
      const log = await logs.open(
        logRequest({
          job,
          query,
          download,
          format,
          isText: format === 'text',
          followsByDefault,
          lastEventId,
          headOnly,
          caller,
          signal,
        }),
      );
      if (lastEventId !== undefined && log.isEmpty && !headOnly) return { status: 204, body: { none: true } };

      const text = textOptions(query);
      const isGzip = download && acceptsEncoding(asked(headers['accept-encoding']), 'gzip');
      const reply = (chunks: AsyncIterable<Uint8Array>, more: Record<string, string> = {}): ApiReply => ({
        headers: {
          ...logHeaders(log, text.separator),
          Vary: 'Accept, Accept-Encoding',
          ...(download && { 'Content-Disposition': `attachment; filename="${fileName(job, format)}"` }),
          // A proxy that collects what it passes on would keep lines back.
          ...(log.follows && { 'X-Accel-Buffering': 'no' }),
          ...more,
        },
        body: { chunks, contentType: CONTENT_TYPES[format], ...(isGzip && { encoding: 'gzip' }) },
      });
      const cursor = lastEventId ?? query.cursor;
      const encoderOf = encoderFor(format, {
        text,
        isPage: limit !== undefined || cursor !== undefined,
        hasPlaces: log.hasPlaces,
      });
      const { events, hasPlaces, mayGrow } = log;
      if (headOnly || limit === undefined) {
        // Text tells no place at its end, and so need not know it.
        const stream = { encoderOf, cursor, hasPlaces: hasPlaces && format !== 'text', mayGrow, heartbeatMs };
        return reply(encodeLog(events, stream));
      }
      const { chunks, end } = await encodePage(events, { encoderOf, cursor, hasPlaces, mayGrow, limit });
      return reply(Readable.from(chunks), {
        'X-Has-More': String(end.hasMore),
        ...(end.cursor !== null && { 'X-Next-Cursor': end.cursor }),
      });
    },
  });

const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: `${FORMATS.text}; charset=utf-8`,
  ndjson: FORMATS.ndjson,
  sse: FORMATS.sse,
};

/** Throws ApiError `not_acceptable`. */
function formatOf(accept: string | undefined): Format {
  const names = Object.keys(FORMATS) as Format[];
  const type = negotiate(accept, Object.values(FORMATS));
  const format = names.find((name) => FORMATS[name] === type);
  if (format !== undefined) return format;
  const known = Object.values(FORMATS).join(', ');
  throw new ApiError('not_acceptable', `the header Accept allows none of what a log can be given as: ${known}`);
}

interface FormatOptions {
  readonly text: TextFormatOptions;
  readonly isPage: boolean;
  readonly hasPlaces: boolean;
}

const encoderFor =
  (format: Format, { text, isPage, hasPlaces }: FormatOptions): EncoderOf =>
  (writer) => {
    switch (format) {
      case 'text':
        return new TextFormat(writer, text);
      case 'ndjson':
        return new NdjsonFormat(writer, isPage);
      case 'sse':
        return new EventFormat(writer, { ids: hasPlaces });
    }
  };

/** Names of pods are fit for files. */
const fileName = (job: string, format: Format): string => `${job}.${format === 'ndjson' ? 'ndjson' : 'log'}`;

const asked = (header: string | readonly string[] | undefined): string | undefined => {
  const text = typeof header === 'string' ? header : header?.join(',');
  return text === undefined || text === '' ? undefined : text;
};
