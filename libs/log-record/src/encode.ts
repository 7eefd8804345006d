import { isTimed, type LogRecord, orderTime } from './record.ts';
import { unescapeString } from './json-bytes.ts';
import { formatTime } from './time.ts';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const TIME = ascii('{"time":"');
const LOG = ascii('","log":"');
const STDERR = ascii(',"stream":"stderr"');
const PART = { P: ascii(',"logtag":"P"'), F: ascii(',"logtag":"F"') } as const;
const END = ascii('}\n');
const QUOTE = 0x22;

/** The bytes that a merged record takes besides its time and message, at most. */
const OVERHEAD = 128;

/** An upper bound of what {@link encodeMerged} writes for the record, in bytes. */
export const maxMergedLength = (record: LogRecord): number =>
  record.timeEnd - record.timeStart + record.logEnd - record.logStart + OVERHEAD;

/** Whether the record's ordering time must be written beside its time. */
const hasOwnOrder = (record: LogRecord): boolean =>
  record.seconds !== record.orderSeconds || record.nanos !== record.orderNanos;

/**
 * Writes the record as a line of a merged file to `target` at `at`: `time` and `log`, `stream` when it is stderr, `logtag` when
 * `part` is kept, `ot` where it differs from `time`. Returns the index after the last byte written. The record must be ordered.
 */
export function encodeMerged(record: LogRecord, part: LogRecord['part'], target: Uint8Array, at: number): number {
  let out = append(TIME, 0, TIME.length, target, at);
  out = append(record.timeBytes, record.timeStart, record.timeEnd, target, out);
  out = append(LOG, 0, LOG.length, target, out);
  out = append(record.bytes, record.logStart, record.logEnd, target, out);
  target[out++] = QUOTE;
  if (record.stderr) out = append(STDERR, 0, STDERR.length, target, out);
  if (part !== '') out = append(PART[part], 0, PART[part].length, target, out);
  if (!isTimed(record) || hasOwnOrder(record)) {
    const order = ascii(`,"ot":"${formatTime(orderTime(record))}"`);
    out = append(order, 0, order.length, target, out);
  }
  return append(END, 0, END.length, target, out);
}

/** Short pieces are copied faster by a loop than by a call into the runtime. */
const LOOP_LIMIT = 48;

function append(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): number {
  if (to - from > LOOP_LIMIT) {
    target.set(from === 0 && to === source.length ? source : source.subarray(from, to), at);
    return at + to - from;
  }
  let out = at;
  for (let i = from; i < to; i++) target[out++] = source[i] ?? 0;
  return out;
}

/** An upper bound of what {@link writeMessage} writes for the record, in bytes. */
export const maxMessageLength = (record: LogRecord): number => record.logEnd - record.logStart;

/** Writes the record's message as UTF-8 text, without adding a newline. Returns the index after the last byte written. */
export const writeMessage = (record: LogRecord, target: Uint8Array, at: number): number =>
  record.escaped
    ? unescapeString(record.bytes, record.logStart, record.logEnd, target, at)
    : append(record.bytes, record.logStart, record.logEnd, target, at);

/** How long the record's message is as UTF-8 text, in bytes. */
export function messageLength(record: LogRecord): number {
  if (!record.escaped) return maxMessageLength(record);
  if (scratch.length < maxMessageLength(record)) scratch = new Uint8Array(maxMessageLength(record) * 2);
  return writeMessage(record, scratch, 0);
}

let scratch = new Uint8Array(64 * 1024);

/** Writes the record's time as it was written. Returns the index after the last byte written; never more than the escaped form. */
export const writeTime = (record: LogRecord, target: Uint8Array, at: number): number =>
  isTimed(record)
    ? append(record.timeBytes, record.timeStart, record.timeEnd, target, at)
    : unescapeString(record.timeBytes, record.timeStart, record.timeEnd, target, at);
