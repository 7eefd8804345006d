import {
  compareInstants,
  type Instant,
  isTimed,
  type LogRecord,
  parseTime,
  recordIdentity,
  recordTime,
} from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';

/** Files whose identities are kept in memory at once: some MB each. */
const KEPT = 4;

interface Known {
  readonly file: LogFile;
  /** Between these lie the times of the file's records; undefined while not known. */
  first: Instant | undefined;
  last: Instant | undefined;
  counts: Map<number, number> | undefined;
}

/**
 * Which records the merged files of a container instance hold: how a raw file's records that were merged before are recognized
 * (delivered twice, or merged by the Python reference). A merged file is read only when a raw record's time lies within its
 * times, which is rare, and a few are kept.
 */
export class MergedIdentities {
  private readonly files: Known[];
  private readonly read: (file: LogFile) => AsyncIterable<LogRecord[]>;
  private recent: Known[] = [];
  private latestSecond: number;

  /** `trusted`: whether the times in the file's entry are right; the reference's may be too early. */
  constructor(
    files: readonly { file: LogFile; trusted: boolean }[],
    read: (file: LogFile) => AsyncIterable<LogRecord[]>,
  ) {
    this.read = read;
    this.files = files.map(({ file, trusted }) => ({
      file,
      first: trusted ? parseTime(file.first_record_time) : undefined,
      last: trusted ? parseTime(file.last_record_time) : undefined,
      counts: undefined,
    }));
    this.latestSecond = latestSecondOf(this.files);
  }

  /** No file holds a record of a later time. */
  get latest(): Instant {
    return { seconds: this.latestSecond, nanos: 999_999_999 };
  }

  /** How many records equal to this one the merged files hold. */
  async count(record: LogRecord): Promise<number> {
    const time = recordTime(record);
    let count = 0;
    for (const known of this.files) {
      if (!mayHold(known, time)) continue;
      const counts = known.counts ?? (await this.load(known));
      count += counts.get(recordIdentity(record)) ?? 0;
    }
    return count;
  }

  /** Whether any of the files may hold the record; without reading any. Cheap for a record that is newer than all of them. */
  mayHold(record: LogRecord): boolean {
    if (isTimed(record) && record.seconds > this.latestSecond) return false;
    const time = recordTime(record);
    return this.files.some((known) => mayHold(known, time));
  }

  private async load(known: Known): Promise<Map<number, number>> {
    const counts = new Map<number, number>();
    let first: Instant | undefined;
    let last: Instant | undefined;
    for await (const records of this.read(known.file)) {
      for (const record of records) {
        const identity = recordIdentity(record);
        counts.set(identity, (counts.get(identity) ?? 0) + 1);
        const time = recordTime(record);
        if (first === undefined || compareInstants(time, first) < 0) first = time;
        if (last === undefined || compareInstants(time, last) > 0) last = time;
      }
    }
    // An empty file holds nothing at any time.
    known.first = first ?? { seconds: Infinity, nanos: 0 };
    known.last = last ?? { seconds: -Infinity, nanos: 0 };
    known.counts = counts;
    this.latestSecond = latestSecondOf(this.files);
    this.recent.push(known);
    if (this.recent.length > KEPT) {
      const oldest = this.recent.shift();
      if (oldest !== undefined) oldest.counts = undefined;
    }
    return counts;
  }
}

const latestSecondOf = (files: readonly Known[]): number =>
  Math.max(-Infinity, ...files.map(({ last }) => last?.seconds ?? Infinity));

const mayHold = ({ first, last }: Known, time: Instant): boolean =>
  (first === undefined || compareInstants(first, time) <= 0) &&
  (last === undefined || compareInstants(time, last) <= 0);
