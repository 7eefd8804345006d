import { Readable } from 'node:stream';
import { z } from 'zod';
import { ApiError, KUBE_ERRORS, LOG_ERRORS, READ_ERRORS, STORAGE_ERRORS } from '../errors/catalogue.ts';
import { operation } from '../http/operation.ts';
import { jobPath } from '../http/parameters.ts';
import { encodeLog, encodePage } from './encode-log.ts';
import { TextFormat } from './format/text.ts';
import type { GetLogOptions } from './get-log.ts';
import { logParameters } from './log-parameters.ts';
import { logHeaders, logRequest, textOptions } from './log-request.ts';

/** `GET /api/v1/jobs/{job}/log_ws`: the log as text, in binary messages of a WebSocket. */
export const getLogSocket = ({ logs, heartbeatMs }: GetLogOptions) =>
  operation({
    id: 'getLogSocket',
    method: 'get',
    route: '/api/v1/jobs/:job/log_ws',
    tag: 'logs',
    isStream: true,
    summary: 'The log of a job, over WebSocket',
    description: `
The text that the log consists of, in binary messages of at most 64 KiB, which need not begin or end where lines do. The subprotocol \`logs.apolo.us\` is accepted. What stands
against it is answered before the socket opens, with its status. Closed with 1000 at the log's end, 1001 when the server stops, 1008 when it lasted for as long as any
may, 1011 with the error's code when the log cannot be finished.`.trim(),
    path: jobPath,
    query: z.strictObject(logParameters),
    responses: { 101: { description: 'The WebSocket is open.' } },
    errors: [...LOG_ERRORS, ...READ_ERRORS, ...KUBE_ERRORS, ...STORAGE_ERRORS, 'upgrade_required'],
    handle: async ({ path: { job }, query, isUpgrade, caller, signal }) => {
      if (!isUpgrade) {
        throw new ApiError('upgrade_required', 'this is for WebSocket; over HTTP the log is at …/log', {
          headers: { Upgrade: 'websocket', Connection: 'Upgrade' },
        });
      }
      const log = await logs.open(logRequest({ job, query, followsByDefault: true, headOnly: false, caller, signal }));
      const text = textOptions(query);
      const { limit, cursor } = query;
      const { events, hasPlaces, mayGrow } = log;
      const options = {
        encoderOf: (writer: ConstructorParameters<typeof TextFormat>[0]) => new TextFormat(writer, text),
        cursor,
        hasPlaces,
        mayGrow,
      };
      const headers = logHeaders(log, text.separator);
      if (limit === undefined) return { headers, body: { messages: encodeLog(events, { ...options, heartbeatMs }) } };
      const { chunks, end } = await encodePage(events, { ...options, limit });
      const more = { 'X-Has-More': String(end.hasMore), ...(end.cursor !== null && { 'X-Next-Cursor': end.cursor }) };
      return { headers: { ...headers, ...more }, body: { messages: Readable.from(chunks) } };
    },
  });
