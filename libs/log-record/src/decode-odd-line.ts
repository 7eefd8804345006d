import type { LineFormat, OddLines } from './line-format.ts';
import type { LogRecord, Part } from './record.ts';
import { parseTime } from './time.ts';

/** A line that the container runtime wrote and nobody took apart: `time stream P|F[:more tags] message`. */
const CRI_LINE = /^(\S+) (stdout|stderr) ([PF])(?::\S*)? (.*)$/s;

const OBJECT = /^[ \t\r\n]*\{/;

interface Fields {
  readonly time?: string | undefined;
  readonly log: string;
  readonly stream?: 'stdout' | 'stderr' | undefined;
  readonly part: Part;
  readonly orderTime?: string | undefined;
}

/** Decodes any line, by way of JSON.parse and strings; see LineDecoder for the quick way of the usual ones. */
export function decodeOddLine(line: Uint8Array, format: LineFormat, odd: OddLines): LogRecord {
  // Bytes that are no UTF-8 become U+FFFD here.
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8');
  return fromFields(fieldsOf(text, odd), format);
}

function fieldsOf(text: string, odd: OddLines): Fields {
  const value = parseObject(text);
  if (value === undefined) {
    odd.notJson++;
    return { log: text, part: '' };
  }
  const { time, log, stream, logtag, ot } = value;
  const usual =
    typeof time === 'string' &&
    (log === undefined || typeof log === 'string') &&
    (stream === 'stdout' || stream === 'stderr');
  if (!usual) odd.oddFields++;

  const message = log === undefined ? '' : typeof log === 'string' ? log : jsonText(text, 'log');
  if (time === undefined || time === null) {
    const [, criTime, criStream, criPart, criMessage] = CRI_LINE.exec(message) ?? [];
    if (criTime !== undefined && criMessage !== undefined && parseTime(criTime) !== undefined) {
      return { time: criTime, log: criMessage, stream: criStream as 'stdout' | 'stderr', part: criPart as Part };
    }
  }
  return {
    time: time === undefined || time === null ? undefined : typeof time === 'string' ? time : jsonText(text, 'time'),
    log: message,
    // Merge_Log may put anything here; a line that had a stream was parsed, and what is not stderr is shown as stdout.
    stream: stream === undefined || stream === null ? undefined : stream === 'stderr' ? 'stderr' : 'stdout',
    part: typeof logtag === 'string' ? partOf(logtag) : '',
    orderTime: typeof ot === 'string' ? ot : undefined,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  // Most lines that are no JSON do not begin like an object, and an exception costs more than all the rest.
  if (!OBJECT.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** CRI tags are joined by colons; the first says whether the line is partial. */
const partOf = (logtag: string): Part => {
  const first = logtag.split(':', 1)[0];
  return first === 'P' || first === 'F' ? first : '';
};

/** The JSON text of one field, with its numbers as they were written (a double would round big ones). */
function jsonText(text: string, field: string): string {
  // https://github.com/tc39/proposal-json-parse-with-source, not in TypeScript's library yet.
  const { rawJSON } = JSON as unknown as { rawJSON: (source: string) => unknown };
  const keepSource = (_key: string, value: unknown, context?: { readonly source: string }): unknown =>
    typeof value === 'number' && context !== undefined ? rawJSON(context.source) : value;
  try {
    const value = JSON.parse(text, keepSource) as Record<string, unknown>;
    return JSON.stringify(value[field]);
  } catch {
    // Nested deeper than the stack: then the whole line is the text.
    return text;
  }
}

function fromFields(fields: Fields, format: LineFormat): LogRecord {
  const time = fields.time === undefined ? '' : insideOfString(fields.time);
  const log = insideOfString(fields.log);
  const bytes = Buffer.from(time + log);
  const timeEnd = Buffer.byteLength(time);
  const instant = fields.time === undefined ? undefined : parseTime(fields.time);
  const parsed = format === 'merged' || fields.stream !== undefined;
  // In a raw line `ot` is a key of the application's own.
  const orderTime = format === 'merged' && fields.orderTime !== undefined ? parseTime(fields.orderTime) : undefined;
  const order = orderTime ?? (parsed ? instant : undefined);
  return {
    bytes,
    timeStart: 0,
    timeEnd,
    timeBytes: bytes,
    logStart: timeEnd,
    logEnd: bytes.length,
    escaped: log.includes('\\'),
    stderr: fields.stream === 'stderr',
    part: fields.part,
    parsed,
    seconds: instant?.seconds ?? NaN,
    nanos: instant?.nanos ?? 0,
    orderSeconds: order?.seconds ?? NaN,
    orderNanos: order?.nanos ?? 0,
  };
}

const insideOfString = (text: string): string => JSON.stringify(text).slice(1, -1);
