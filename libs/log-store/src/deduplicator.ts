import {
  compareInstants,
  type Instant,
  type LogRecord,
  orderTime,
  recordIdentity,
  recordTime,
  shiftInstant,
} from '@cordwood/log-record';
import type { JoinedRecords, Source } from './join.ts';
import type { MergedIdentities } from './merged-identities.ts';
import { TrackedRecords } from './tracked-records.ts';

/** What is known of one record while copies of it may come. Up to a million are kept: so it is small. */
interface Tracked {
  /** How many of its like have been shown. */
  shown: number;
  /** The first file that has any of its like, and how many it has had so far. */
  readonly source: Source;
  own: number;
  /** The same of other files, where there are any. */
  others: Map<Source, number> | undefined;
}

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
  private readonly tracked = new TrackedRecords<Tracked>();
  private latestTracked: Instant = { seconds: -Infinity, nanos: 0 };

  /** `window`: how far records of one file may be out of order, in ms. */
  constructor(merged: MergedIdentities, window: number) {
    this.merged = merged;
    this.window = window;
  }

  /** The records of the batch that are to be shown. */
  async filter({ source, records, upcoming }: Omit<JoinedRecords<Source>, 'run'>): Promise<LogRecord[]> {
    const first = records[0];
    if (!source.raw || first === undefined) return records;
    const rememberFrom = upcoming === undefined ? NEVER : shiftInstant(upcoming, -this.window);
    // What lies before all that may still come.
    const thisFrom = shiftInstant(orderTime(first), -this.window);
    this.tracked.forgetBefore(compareInstants(rememberFrom, thisFrom) < 0 ? rememberFrom : thisFrom);

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

  private countAndPass(source: Source, record: LogRecord, merged: number): boolean {
    const identity = recordIdentity(record);
    let tracked = this.tracked.get(identity);
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

/** Counts one more in the file; gives how many it has had so far. */
function countOne(tracked: Tracked, source: Source): number {
  if (source === tracked.source) return ++tracked.own;
  tracked.others ??= new Map();
  const own = (tracked.others.get(source) ?? 0) + 1;
  tracked.others.set(source, own);
  return own;
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
