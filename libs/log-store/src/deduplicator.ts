import {
  compareInstants,
  type Instant,
  isTimed,
  type LogRecord,
  orderTime,
  type PlainRange,
  type PlainRaw,
  type PlainText,
  recordIdentity,
  recordTime,
  shiftInstant,
} from '@cordwood/log-record';
import type { JoinedRecords, Source } from './join.ts';
import type { MergedIdentities } from './merged-identities.ts';
import { countOne, TrackedRecords } from './tracked-records.ts';

/**
 * Shows a record that Fluent Bit delivered in several raw objects once: a record of a raw file passes only when the number of its
 * like so far in its own file exceeds those that merged files hold and those already shown. Merged files pass as they
 * are: merging has been through this.
 *
 * Records are remembered only as long as a file may come that holds them too.
 */
export class Deduplicator {
  private readonly merged: MergedIdentities;
  private readonly window: number;
  private readonly tracked = new TrackedRecords();
  private latestTracked: Instant = { seconds: -Infinity, nanos: 0 };

  /** `window`: how far records of one file may be out of order, in ms. */
  constructor(merged: MergedIdentities, window: number) {
    this.merged = merged;
    this.window = window;
  }

  /**
   * What there is to know of records of a raw file that are taken in bulk: those later than `after` are shown whatever they are, and those
   * at `remember` or later must be told of ({@link remember}). `upcoming`: as for {@link filter}.
   */
  bulk(upcoming: Instant | undefined): Pick<PlainRange, 'after' | 'remember'> {
    const { latest } = this.merged;
    return {
      after: compareInstants(latest, this.latestTracked) > 0 ? latest : this.latestTracked,
      remember: this.rememberFrom(upcoming),
    };
  }

  /** Notes records that were shown in bulk. */
  remember(
    source: Source,
    { identities, earliest, latest }: Omit<PlainRaw, keyof PlainText>,
    upcoming: Instant | undefined,
  ): void {
    this.forget(earliest, upcoming);
    if (identities.length === 0) return;
    this.tracked.addShown(source, identities, latest);
    if (compareInstants(latest, this.latestTracked) > 0) this.latestTracked = latest;
  }

  /** The records of the batch that are to be shown. */
  async filter({ source, records, upcoming }: Omit<JoinedRecords<Source>, 'run'>): Promise<LogRecord[]> {
    const first = records[0];
    if (!source.raw || first === undefined) return records;
    const rememberFrom = this.rememberFrom(upcoming);
    this.forget(orderTime(first), upcoming);

    let kept: LogRecord[] | undefined;
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) break;
      const mayBeMerged = this.merged.mayHold(record);
      const mayBeCopy = mayBeMerged || !endsBefore(record, rememberFrom) || startsUpTo(record, this.latestTracked);
      if (!mayBeCopy || this.countAndPass(source, record, mayBeMerged ? await this.merged.count(record) : 0)) {
        kept?.push(record);
      } else kept ??= records.slice(0, index);
    }
    return kept ?? records;
  }

  /** Copies of records before this will not come. */
  private rememberFrom(upcoming: Instant | undefined): Instant {
    return upcoming === undefined ? NEVER : shiftInstant(upcoming, -this.window);
  }

  /** Forgets what lies before all that may still come, these records counted. */
  private forget(first: Instant, upcoming: Instant | undefined): void {
    const rememberFrom = this.rememberFrom(upcoming);
    const thisFrom = shiftInstant(first, -this.window);
    this.tracked.forgetBefore(compareInstants(rememberFrom, thisFrom) < 0 ? rememberFrom : thisFrom);
  }

  private countAndPass(source: Source, record: LogRecord, merged: number): boolean {
    const identity = recordIdentity(record);
    // Its copies have its time.
    const isNew = isTimed(record) && compareInstants(recordTime(record), this.latestTracked) > 0;
    let tracked = isNew ? undefined : this.tracked.get(identity);
    if (tracked === undefined) {
      tracked = { shown: 0, source, own: 0, others: undefined };
      const order = latestOf(record);
      this.tracked.add(identity, tracked, order);
      if (compareInstants(order, this.latestTracked) > 0) this.latestTracked = order;
    }
    const own = countOne(tracked, source);
    if (own <= merged + tracked.shown) return false;
    tracked.shown++;
    return true;
  }
}

const NEVER: Instant = { seconds: Infinity, nanos: 0 };

/** Copies of a record have its own time, but may have other ordering times: what a file says before and after it decides. */
const latestOf = (record: LogRecord): Instant => (isOwnLater(record) ? recordTime(record) : orderTime(record));

const isOwnLater = ({ seconds, nanos, orderSeconds, orderNanos }: LogRecord): boolean =>
  seconds > orderSeconds || (seconds === orderSeconds && nanos > orderNanos);

/** Whether both its times are before the instant. */
function endsBefore(record: LogRecord, { seconds, nanos }: Instant): boolean {
  const own = isOwnLater(record);
  const latest = own ? record.seconds : record.orderSeconds;
  return latest !== seconds ? latest < seconds : (own ? record.nanos : record.orderNanos) < nanos;
}

/** Whether its ordering time is at or before the instant. */
const startsUpTo = ({ orderSeconds, orderNanos }: LogRecord, { seconds, nanos }: Instant): boolean =>
  orderSeconds !== seconds ? orderSeconds < seconds : orderNanos <= nanos;
