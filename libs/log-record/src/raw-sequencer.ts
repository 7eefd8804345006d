import { isOrdered, isTimed, type LogRecord } from './record.ts';
import { formatTime } from './time.ts';

/**
 * How many bytes of messages at a file's start may wait for the first record whose place is known. It also bounds how much of
 * a raw file must be read to know where the file belongs.
 */
const HEAD_BYTES = 64 * 1024;

/**
 * Gives the records of one raw file, in the file's order, the times that they lack: a record without any time takes that of the
 * record before it, else the date in the key; one whose ordering time is not known (Fluent Bit did not parse it) takes its
 * predecessor's, at the file's start its successor's. Where no successor within {@link HEAD_BYTES} knows, ordering times stay
 * unknown, and the file goes where its neighbours put it.
 */
export class RawSequencer {
  private held: LogRecord[] = [];
  private heldBytes = 0;
  private previous: LogRecord;
  private readonly keyDate: LogRecord;
  private lastOrdered: LogRecord | undefined;
  private gaveUp = false;

  /** `keyMinute`: the date in the file's key, in seconds since 1970. */
  constructor(keyMinute: number) {
    this.keyDate = recordOfKeyDate(keyMinute);
    this.previous = this.keyDate;
  }

  /** Takes the next records and gives those whose times are settled. */
  push(records: readonly LogRecord[]): LogRecord[] {
    const settled: LogRecord[] = [];
    for (const record of records) {
      this.settleTime(record);
      if (isOrdered(record)) {
        for (const waiting of this.held) copyOrder(record, waiting);
        this.release(settled);
        this.lastOrdered = record;
      } else if (this.lastOrdered !== undefined) copyOrder(this.lastOrdered, record);
      else if (!this.gaveUp) {
        this.held.push(record);
        this.heldBytes += record.logEnd - record.logStart;
        this.gaveUp = this.heldBytes > HEAD_BYTES;
        if (this.gaveUp) this.release(settled);
        continue;
      }
      settled.push(record);
    }
    return settled;
  }

  /** The records still held back when the file is over. */
  end(): LogRecord[] {
    const settled: LogRecord[] = [];
    this.release(settled);
    return settled;
  }

  private release(settled: LogRecord[]): void {
    for (const record of this.held) settled.push(record);
    this.held = [];
  }

  private settleTime(record: LogRecord): void {
    if (record.timeStart === record.timeEnd) {
      record.timeBytes = this.previous.timeBytes;
      record.timeStart = this.previous.timeStart;
      record.timeEnd = this.previous.timeEnd;
      record.seconds = this.previous.seconds;
      record.nanos = this.previous.nanos;
    }
    if (isTimed(record)) this.previous = record;
  }
}

function copyOrder(from: LogRecord, to: LogRecord): void {
  to.orderSeconds = from.orderSeconds;
  to.orderNanos = from.orderNanos;
}

function recordOfKeyDate(seconds: number): LogRecord {
  const bytes = Buffer.from(formatTime({ seconds, nanos: 0 }).replace('.000000000', ''));
  return {
    bytes,
    timeStart: 0,
    timeEnd: bytes.length,
    timeBytes: bytes,
    logStart: 0,
    logEnd: 0,
    escaped: false,
    stderr: false,
    part: '',
    parsed: false,
    seconds,
    nanos: 0,
    orderSeconds: NaN,
    orderNanos: 0,
  };
}
