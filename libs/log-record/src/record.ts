import type { Instant } from './time.ts';

/** How a record takes part in a CRI line that the runtime cut into pieces: not at all, as a piece before the last, as the last. */
export type Part = '' | 'P' | 'F';

/**
 * One log line, as offsets into the bytes that it was read from: a log has millions of them, and most of their bytes only pass
 * through. `bytes` must not change while the record is in use.
 *
 * Time and message stand in `bytes` as the inside of a JSON string: escaped, valid UTF-8, without the quotes.
 */
export interface LogRecord {
  readonly bytes: Uint8Array;
  /** The time as it was written, with all its digits and its zone. Empty (start equal to end) only until a sequencer fills it in. */
  timeStart: number;
  timeEnd: number;
  /** Where the time's bytes lie, when not in `bytes`: a record without a time of its own takes its neighbour's. */
  timeBytes: Uint8Array;
  readonly logStart: number;
  readonly logEnd: number;
  /** Whether the message holds escapes, so cannot be copied out as it stands. */
  readonly escaped: boolean;
  readonly stderr: boolean;
  part: Part;
  /** Whether Fluent Bit took the line apart (it then has a stream), so that its time is the line's own. */
  readonly parsed: boolean;
  /** The time as an instant; NaN seconds when the time is none (then it is kept as text). */
  seconds: number;
  nanos: number;
  /** The ordering time (DESIGN section 5); NaN seconds while unknown. */
  orderSeconds: number;
  orderNanos: number;
}

/** Whether the record's own time is an instant. */
export const isTimed = (record: LogRecord): boolean => !Number.isNaN(record.seconds);

/** Whether the record's place in the order is known. */
export const isOrdered = (record: LogRecord): boolean => !Number.isNaN(record.orderSeconds);

/** The record's ordering time. */
export const orderTime = (record: LogRecord): Instant => ({ seconds: record.orderSeconds, nanos: record.orderNanos });

/** The time by which `since` and `until` judge a record: its own, else its ordering time. */
export const recordTime = (record: LogRecord): Instant =>
  isTimed(record) ? { seconds: record.seconds, nanos: record.nanos } : orderTime(record);
