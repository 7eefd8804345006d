import {
  compareInstants,
  type Instant,
  type LogRecord,
  orderTime,
  parseTime,
  recordIdentity,
  recordTime,
} from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import { hasTrustedTimes } from './instances.ts';

/** The record that was read last: which one it is among the records of its container instance. */
interface Mark {
  readonly run: number;
  readonly order: Instant;
  readonly time: Instant;
  /** The record's own time and its ordering time, whichever is earlier: it stands in no file that ends before. */
  readonly notBefore: Instant;
  readonly identity: number;
  /** How many records like it had been read, this one counted. */
  readonly nth: number;
}

/** A read cannot go on: the record that it read last is in none of the files that there are now. */
export class PositionLostError extends Error {
  override readonly name = 'PositionLostError';

  constructor(containerId: string) {
    super(`the place that the read had reached is in none of the files of container ${containerId} any more`);
  }
}

/**
 * How far a container instance's records have been read, in terms that outlive the files they came from (I7): merging and cleaning
 * keep the order of records, and only insert. The place is that of one record: its ordering time, its identity (time, stream,
 * message), and how many equal ones came before it. How many records of each run were read tells which files need not be read
 * to find it again; a file is left out only when its times say so too.
 */
export class ReadPosition {
  private readonly counts = new Map<number, number>();
  private mark: Mark | undefined;
  /** Identities of the records read last that have the same ordering time: among them are all that equal the last one. */
  private readonly group = new Map<number, number>();

  /** The time of the record that was read last. */
  get time(): Instant | undefined {
    return this.mark?.time;
  }

  /** Whether anything has been read. */
  get begun(): boolean {
    return this.mark !== undefined;
  }

  /** Notes that this many records at the beginning of the run are not read at all. */
  leaveOut(run: number, count: number): void {
    this.counts.set(run, (this.counts.get(run) ?? 0) + count);
  }

  /** Notes that these records of the run were read, after all that were noted before. */
  advance(run: number, records: readonly LogRecord[]): void {
    const last = records.at(-1);
    if (last === undefined) return;
    this.leaveOut(run, records.length);
    const order = orderTime(last);
    let start = records.length - 1;
    while (start > 0 && isAt(records[start - 1], order)) start--;
    if (start > 0 || this.mark === undefined || compareInstants(this.mark.order, order) !== 0) this.group.clear();
    let identity = 0;
    for (const record of records.slice(start)) {
      identity = recordIdentity(record);
      this.group.set(identity, (this.group.get(identity) ?? 0) + 1);
    }
    const time = recordTime(last);
    const notBefore = compareInstants(time, order) < 0 ? time : order;
    this.mark = { run, order, time, notBefore, identity, nth: this.group.get(identity) ?? 1 };
  }

  /** The files of a run without those at its beginning that lie before the place. */
  remaining(run: number, files: readonly LogFile[]): readonly LogFile[] {
    const { mark } = this;
    if (mark === undefined) return files;
    // The record itself must be found again.
    let toSkip = (this.counts.get(run) ?? 0) - (run === mark.run ? 1 : 0);
    const from = files.findIndex((file) => {
      toSkip -= file.records_count;
      return toSkip < 0 || !endsBefore(file, mark.notBefore);
    });
    return from < 0 ? [] : files.slice(from);
  }

  /** What is to be read of records in which the place must be found first. Gives nothing until then. */
  seek(): Seek {
    return new Seek(this.mark);
  }
}

/** Finds a place again in the records of what are other files by now. */
export class Seek {
  private readonly mark: Mark | undefined;
  private equal = 0;
  private isFound: boolean;

  constructor(mark: Mark | undefined) {
    this.mark = mark;
    this.isFound = mark === undefined;
  }

  /** Whether the place was found; trivially so when nothing had been read. */
  get found(): boolean {
    return this.isFound;
  }

  /** Those of the records that come after the place. */
  after(records: LogRecord[]): LogRecord[] {
    const { mark } = this;
    if (this.isFound || mark === undefined) return records;
    for (const [index, record] of records.entries()) {
      if (!isAt(record, mark.order) || recordIdentity(record) !== mark.identity || ++this.equal < mark.nth) continue;
      this.isFound = true;
      return records.slice(index + 1);
    }
    return [];
  }
}

const isAt = (record: LogRecord | undefined, order: Instant): boolean =>
  record?.orderSeconds === order.seconds && record.orderNanos === order.nanos;

/** The reference's times are not trusted to say so. */
function endsBefore(file: LogFile, instant: Instant): boolean {
  const last = hasTrustedTimes(file) ? parseTime(file.last_record_time) : undefined;
  return last !== undefined && compareInstants(last, instant) < 0;
}
