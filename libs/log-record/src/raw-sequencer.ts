import { detachedRecord, detachedRecords } from './joined.ts';
import { isOrdered, isTimed, type LogRecord } from './record.ts';
import { formatTime } from './time.ts';

/**
 * How many bytes of messages at a file's start may wait for the first record whose place is known. It also bounds how much of
 * a raw file must be read to know where the file belongs.
 */
const HEAD_BYTES = 64 * 1024;

/**
 * How many records are looked at ahead of one that jumps forward in time. Where time falls back among them, the jump was the time
 * at which Fluent Bit read a line whose own time it could not parse.
 */
const LOOK_AHEAD = 16;

/**
 * Gives the records of one raw file, in the file's order, the times that they lack: a record without any time takes that of the
 * record before it, else the date in the key; one whose own time is not known (Fluent Bit did not parse it, or put the time of
 * reading in its place) is ordered with its predecessor, at the file's start with its successor. Where no successor within
 * {@link HEAD_BYTES} knows, ordering times stay unknown, and the file goes where its neighbours put it.
 */
export class RawSequencer {
  /** Records that wait for those that follow. */
  private queue: LogRecord[] = [];
  /** Records at the file's start that wait for the first whose place is known. */
  private held: LogRecord[] = [];
  private heldBytes = 0;
  private previous: LogRecord;
  private lastOrdered: LogRecord | undefined;
  private gaveUp = false;
  private readonly keyMinute: number;
  /** REORDER_WINDOW, in seconds. */
  private readonly window: number;

  /** `keyMinute`: the date in the file's key, in seconds since 1970. `window`: REORDER_WINDOW, in ms. */
  constructor(keyMinute: number, window: number) {
    this.keyMinute = keyMinute;
    this.previous = recordOfKeyDate(keyMinute);
    this.window = window / 1000;
  }

  /** Takes the next records and gives those whose times are settled. */
  push(records: readonly LogRecord[]): LogRecord[] {
    const queue = this.queue.length === 0 ? records : [...this.queue, ...records];
    return this.settle(queue, queue.length - LOOK_AHEAD);
  }

  /**
   * The ordering time of the last record, in whole seconds, when all records so far are settled, and so will be the next one, with its own
   * time, unless that jumps forward. Else undefined.
   */
  get settledUntil(): number | undefined {
    return this.queue.length === 0 && this.held.length === 0 ? this.lastOrdered?.orderSeconds : undefined;
  }

  /** Notes the last one of records that were settled with their own times, and not pushed. */
  follow(last: LogRecord): void {
    this.previous = last;
    this.lastOrdered = last;
  }

  /** Sees to it that nothing is needed any more of the bytes that records came in. */
  detach(): void {
    this.queue = detachedRecords(this.queue);
    this.held = detachedRecords(this.held);
    this.previous = detachedRecord(this.previous);
    this.lastOrdered &&= detachedRecord(this.lastOrdered);
  }

  /** The records still held back when the file is over. */
  end(): LogRecord[] {
    const settled = this.settle(this.queue, this.queue.length);
    this.release(settled);
    return settled;
  }

  /** Settles records up to the first that depends on what follows it; of these only those before `ready`, which is known of. */
  private settle(queue: readonly LogRecord[], ready: number): LogRecord[] {
    const settled: LogRecord[] = [];
    let at = 0;
    for (; at < queue.length; at++) {
      const record = queue[at];
      if (record === undefined) break;
      this.settleTime(record);
      if (isOrdered(record) && this.jumps(record)) {
        if (at >= ready) break;
        if (this.isReadTime(queue, at, record)) record.orderSeconds = NaN;
      }
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
    this.queue = queue.slice(at);
    return settled;
  }

  /** Whether the record's time jumps forward from the record before it, or there is none. */
  private jumps(record: LogRecord): boolean {
    const { lastOrdered } = this;
    return lastOrdered === undefined || record.orderSeconds - lastOrdered.orderSeconds >= this.window;
  }

  /**
   * Whether the time of a record that jumps forward is that of reading: it falls back after. At the file's
   * start nothing lies before: there most of what follows must be earlier, or anything if the date in the key speaks against it.
   */
  private isReadTime(queue: readonly LogRecord[], at: number, record: LogRecord): boolean {
    const { lastOrdered } = this;
    const { earlier, all } = countEarlier(queue, at, record.orderSeconds - this.window);
    return lastOrdered !== undefined || isMisdated(record.orderSeconds, this.keyMinute)
      ? earlier > 0
      : earlier * 2 > all;
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

/** How many of the records soon after `at` have a time of their own, and how many of these are at `latest` (seconds) or earlier. */
function countEarlier(queue: readonly LogRecord[], at: number, latest: number): { earlier: number; all: number } {
  let earlier = 0;
  let all = 0;
  for (let i = at + 1; i <= at + LOOK_AHEAD && i < queue.length; i++) {
    const record = queue[i];
    if (record === undefined || !isOrdered(record)) continue;
    all++;
    if (record.orderSeconds <= latest) earlier++;
  }
  return { earlier, all };
}

/** A minute more or less is let pass. */
const DATE_TOLERANCE_SECONDS = 120;

/**
 * Whether the date in a raw file's key (seconds since 1970) is not that of its first record, as it normally is: a buffer left over
 * from a restart has the restart's.
 */
export const isMisdated = (firstRecord: number, keyMinute: number): boolean =>
  Math.abs(firstRecord - keyMinute) >= DATE_TOLERANCE_SECONDS;

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
