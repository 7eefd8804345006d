import { encodeMerged, type Instant, isTimed, type LogRecord, type Part, type PlainMerged } from '@cordwood/log-record';
import { CompressedText } from './compressed-text.ts';

/** The earliest and the latest time of some records: plain numbers, since this is asked of every record. */
class TimeSpan {
  private firstSeconds = Infinity;
  private firstNanos = 0;
  private lastSeconds = -Infinity;
  private lastNanos = 0;

  add(seconds: number, nanos: number): void {
    if (seconds < this.firstSeconds || (seconds === this.firstSeconds && nanos < this.firstNanos)) {
      this.firstSeconds = seconds;
      this.firstNanos = nanos;
    }
    if (seconds > this.lastSeconds || (seconds === this.lastSeconds && nanos > this.lastNanos)) {
      this.lastSeconds = seconds;
      this.lastNanos = nanos;
    }
  }

  get first(): Instant {
    return { seconds: this.firstSeconds, nanos: this.firstNanos };
  }

  get last(): Instant {
    return { seconds: this.lastSeconds, nanos: this.lastNanos };
  }
}

export type Stream = 'stdout' | 'stderr';

/** Consecutive records of a merged file that is to be stored, and what its entry says of them. */
export interface RecordsOfFile {
  readonly text: CompressedText;
  readonly count: number;
  /** The earliest and the latest time. */
  readonly first: Instant | undefined;
  readonly last: Instant | undefined;
  /** Ordering times of the first and the last record. */
  readonly firstOrder: Instant | undefined;
  readonly lastOrder: Instant | undefined;
  /** Streams of which the first record continues a line. */
  readonly opensInside: readonly Stream[];
}

/** Records that are being written. */
export class MergedDraft implements RecordsOfFile {
  readonly text = new CompressedText();
  readonly opensInside: readonly Stream[];
  count = 0;
  private readonly times = new TimeSpan();
  private firstOrderSeconds = 0;
  private firstOrderNanos = 0;
  private lastOrderSeconds = 0;
  private lastOrderNanos = 0;

  constructor(opensInside: readonly Stream[]) {
    this.opensInside = opensInside;
  }

  get first(): Instant {
    return this.times.first;
  }

  get last(): Instant {
    return this.times.last;
  }

  get firstOrder(): Instant {
    return { seconds: this.firstOrderSeconds, nanos: this.firstOrderNanos };
  }

  get lastOrder(): Instant {
    return { seconds: this.lastOrderSeconds, nanos: this.lastOrderNanos };
  }

  /** `text` must have room for the record. */
  append(record: LogRecord, part: Part): void {
    const { text } = this;
    text.end = encodeMerged(record, part, text.bytes, text.end);
    if (isTimed(record)) this.times.add(record.seconds, record.nanos);
    else this.times.add(record.orderSeconds, record.orderNanos);
    if (this.count++ === 0) {
      this.firstOrderSeconds = record.orderSeconds;
      this.firstOrderNanos = record.orderNanos;
    }
    this.lastOrderSeconds = record.orderSeconds;
    this.lastOrderNanos = record.orderNanos;
  }

  /** Appends lines, each ordered by its own time. `text` must have room for them. */
  appendPlain({ text: lines, count, first, last, earliest, latest }: PlainMerged): void {
    const { text, times } = this;
    text.bytes.set(lines, text.end);
    text.end += lines.length;
    times.add(earliest.seconds, earliest.nanos);
    times.add(latest.seconds, latest.nanos);
    if (this.count === 0) {
      this.firstOrderSeconds = first.seconds;
      this.firstOrderNanos = first.nanos;
    }
    this.count += count;
    this.lastOrderSeconds = last.seconds;
    this.lastOrderNanos = last.nanos;
  }
}
