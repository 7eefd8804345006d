import {
  compareInstants,
  type Instant,
  type LogRecord,
  orderTime,
  recordIdentity,
  shiftInstant,
} from '@cordwood/log-record';
import type { JoinedRecords, Source } from './join.ts';
import type { MergedIdentities } from './merged-identities.ts';

/** Records that are remembered at most (twice as many for a while), the newest; some 50 MB. Reached only by clocks that jump for hours. */
const MOST_TRACKED = 200_000;
/** From how many on it pays to look for some to forget. */
const FORGET_AT = 20_000;

/** What is known of one record while copies of it may come. */
interface Tracked {
  readonly order: Instant;
  /** How many of its like have been shown. */
  shown: number;
  /** How many of its like each file has had so far; mostly one file has any. */
  readonly own: Map<Source, number>;
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
  private tracked = new Map<number, Tracked>();
  private forgetAt = FORGET_AT;
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
    if (this.tracked.size > this.forgetAt) this.forget(rememberFrom, shiftInstant(orderTime(first), -this.window));

    let kept: LogRecord[] | undefined;
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) break;
      const mayBeMerged = this.merged.mayHold(record);
      const mayBeCopy = mayBeMerged || !isBefore(record, rememberFrom) || isBefore(record, this.latestTracked, true);
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
      tracked = { order: orderTime(record), shown: 0, own: new Map() };
      this.tracked.set(identity, tracked);
      if (compareInstants(tracked.order, this.latestTracked) > 0) this.latestTracked = tracked.order;
    }
    const own = (tracked.own.get(source) ?? 0) + 1;
    tracked.own.set(source, own);
    if (own <= merged + tracked.shown) return false;
    tracked.shown++;
    return true;
  }

  /** Forgets what lies before both. */
  private forget(a: Instant, b: Instant): void {
    const from = compareInstants(a, b) < 0 ? a : b;
    const wanted = [...this.tracked].filter(([, { order }]) => compareInstants(order, from) >= 0);
    this.tracked = new Map(wanted.slice(-MOST_TRACKED));
    // Not again before there are twice as many: looking costs as much as there is.
    this.forgetAt = Math.max(FORGET_AT, this.tracked.size * 2);
  }
}

const NEVER: Instant = { seconds: Infinity, nanos: 0 };

const isBefore = (record: LogRecord, instant: Instant, orAt = false): boolean =>
  record.orderSeconds !== instant.seconds
    ? record.orderSeconds < instant.seconds
    : record.orderNanos < instant.nanos || (orAt && record.orderNanos === instant.nanos);
