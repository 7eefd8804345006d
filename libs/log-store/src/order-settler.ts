import { type Instant, isOrdered, isTimed, type LogRecord, orderTime, recordTime } from '@cordwood/log-record';
import { earliestOf } from './instances.ts';
import type { Source } from './join.ts';

/** Gives records of a run whose place is not known one: with their predecessor, at the log's start with their successor. */
export class OrderSettler {
  private readonly sources: readonly Source[];
  private next = 0;
  private lastOrder: Instant | undefined;

  constructor(sources: readonly Source[]) {
    this.sources = sources;
  }

  /** Goes to the next source. */
  begin(): void {
    if (this.sources[this.next++]?.afterGap === true) this.lastOrder = undefined;
  }

  /** Settles the next records of the source. */
  settle(records: readonly LogRecord[]): void {
    let previous: LogRecord | undefined;
    for (const record of records) {
      if (!isOrdered(record)) {
        const order = previous === undefined ? this.orderAtStart(record, records) : orderTime(previous);
        record.orderSeconds = order.seconds;
        record.orderNanos = order.nanos;
      }
      previous = record;
    }
    if (previous !== undefined) this.follow(previous);
  }

  /** Notes the last one of records whose places are known. */
  follow(last: LogRecord): void {
    this.lastOrder = orderTime(last);
  }

  private orderAtStart(record: LogRecord, records: readonly LogRecord[]): Instant {
    const source = this.sources[this.next - 1];
    const own = isTimed(record) ? recordTime(record) : source?.date;
    return this.lastOrder ?? source?.after ?? this.orderAhead(records) ?? own ?? { seconds: 0, nanos: 0 };
  }

  private orderAhead(records: readonly LogRecord[]): Instant | undefined {
    const ahead = records.find(isOrdered);
    return ahead === undefined ? this.sources[this.next]?.first : orderTime(ahead);
  }
}

/** For each source, the earliest first ordering time of the raw ones after it. */
export function earliestAfter(sources: readonly Source[]): (Instant | undefined)[] {
  const earliest: (Instant | undefined)[] = sources.map(() => undefined);
  for (let i = sources.length - 1; i > 0; i--) {
    const source = sources[i];
    earliest[i - 1] = earliestOf([earliest[i], source?.raw === true ? source.first : undefined]);
  }
  return earliest;
}
