import {
  compareInstants,
  detachedRecord,
  type Instant,
  joinParts,
  type LogRecord,
  messageLength,
  orderTime,
  recordTime,
} from '@cordwood/log-record';
import { earliestOf } from './instances.ts';

type Stream = 'stdout' | 'stderr';

/** A line in parts whose last part has not come. */
type OpenLine =
  /** Its parts so far. `since`: the earlier one of its first part's time and ordering time. */
  | { readonly is: 'pending'; readonly parts: LogRecord[]; size: number; readonly since: Instant }
  /** It is too long to be joined: its parts are messages. */
  | { readonly is: 'loose'; readonly since: Instant }
  /** Its beginning was not read; `size`: of what was. */
  | { readonly is: 'cut'; size: number };

/** The lines that were unfinished at some point of a log: what it takes to continue there. */
export interface UnfinishedLines {
  /** When the earliest one began that must be read from its beginning. */
  readonly since: Instant | undefined;
  /** Streams of run 0 in the middle of a line that is too long to be joined. */
  readonly unjoined: readonly Stream[];
}

/** A stream where reading begins in the middle of a line. */
export interface CutStream {
  readonly run: number;
  readonly stream: Stream;
  /** Whether the line is known to be too long to be joined. */
  readonly unjoined: boolean;
}

/**
 * Joins the records of one container instance into messages: the parts of a CRI partial line become one record, which stands where its last
 * part came; everything else passes as it is.
 */
export class MessageAssembler {
  private readonly maxMessage: number;
  /** By stream of a run: a late file has lines of its own. */
  private readonly open = new Map<string, OpenLine>();
  private current: UnfinishedLines = NONE;

  /** `maxMessage`: parts of a message beyond this many bytes are not joined any more. */
  constructor(maxMessage: number) {
    this.maxMessage = maxMessage;
  }

  /** The lines that were unfinished before or among the records pushed last. */
  get unfinished(): UnfinishedLines {
    return this.current;
  }

  /** Whether a line in parts is not joined yet. */
  get isInside(): boolean {
    return this.open.size > 0;
  }

  /**
   * Notes, before the first records, that these streams are in the middle of lines. The rest of a line that would have been joined is left
   * out, since its time is unknown; that of one too long for it is not, as soon as enough of it has come to tell.
   */
  begin(streams: readonly CutStream[]): void {
    this.open.clear();
    for (const { run, stream, unjoined } of streams) {
      this.open.set(keyOf(run, stream), unjoined ? { is: 'loose', since: NEVER } : { is: 'cut', size: 0 });
    }
  }

  /** Whether a line of the run is not joined yet that began at or before this. */
  isJoining(run: number, until: Instant): boolean {
    return STREAMS.some((stream) => {
      const line = this.open.get(keyOf(run, stream));
      return line?.is === 'pending' && compareInstants(line.since, until) <= 0;
    });
  }

  /** The messages that are whole with these records of a run. The same array when it holds nothing but whole lines. */
  push(records: LogRecord[], run = 0): LogRecord[] {
    this.current = this.lines();
    let messages: LogRecord[] | undefined;
    let inside = this.open.size > 0;
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) break;
      if (record.part === '' || (record.part === 'F' && !inside)) {
        messages?.push(record);
        continue;
      }
      messages ??= records.slice(0, index);
      this.part(record, keyOf(run, record.stderr ? 'stderr' : 'stdout'), messages);
      inside = this.open.size > 0;
    }
    return messages ?? records;
  }

  /** Lines that never ended. To be called once, when there are no more records. */
  end(): LogRecord[] {
    this.current = this.lines();
    const unfinished = [...this.open.values()].flatMap((line) =>
      line.is === 'pending' ? [joinParts(line.parts)] : [],
    );
    this.open.clear();
    return unfinished;
  }

  private part(record: LogRecord, key: string, messages: LogRecord[]): void {
    const line = this.open.get(key) ?? this.first(record);
    if (line.is === 'pending') {
      line.parts.push(detachedRecord(record));
      line.size += messageLength(record);
      this.pending(line, record.part, key, messages);
      return;
    }
    if (line.is === 'cut') {
      line.size += messageLength(record);
      if (line.size > this.maxMessage) this.open.set(key, { is: 'loose', since: sinceOf(record) });
    }
    if (this.open.get(key)?.is !== 'cut') messages.push(record);
    if (record.part === 'F') this.open.delete(key);
  }

  private pending(
    line: Extract<OpenLine, { readonly is: 'pending' }>,
    part: LogRecord['part'],
    key: string,
    messages: LogRecord[],
  ): void {
    const tooLong = line.size > this.maxMessage && line.parts.length > 1;
    if (part === 'P') this.open.set(key, tooLong ? { is: 'loose', since: line.since } : line);
    else this.open.delete(key);
    // As they came.
    if (tooLong) for (const one of line.parts) messages.push(one);
    else if (part === 'F') messages.push(joinParts(line.parts));
  }

  private first(record: LogRecord): OpenLine {
    // What ends a line alone is all of it.
    if (record.part === 'F') return { is: 'loose', since: NEVER };
    const since = sinceOf(record);
    this.current = { ...this.current, since: earliestOf([this.current.since, since]) };
    return { is: 'pending', parts: [], size: 0, since };
  }

  private lines(): UnfinishedLines {
    if (this.open.size === 0) return NONE;
    const unjoined = STREAMS.filter((stream) => this.open.get(keyOf(0, stream))?.is === 'loose');
    const since = [...this.open].flatMap(([key, line]) =>
      line.is === 'pending' || (line.is === 'loose' && !isOfMain(key)) ? [line.since] : [],
    );
    return { since: earliestOf(since), unjoined };
  }
}

const STREAMS: readonly Stream[] = ['stdout', 'stderr'];
const NONE: UnfinishedLines = { since: undefined, unjoined: [] };
const NEVER: Instant = { seconds: Infinity, nanos: 0 };

const keyOf = (run: number, stream: Stream): string => `${run.toString()}/${stream}`;
const isOfMain = (key: string): boolean => key.startsWith('0/');

function sinceOf(first: LogRecord): Instant {
  const [time, order] = [recordTime(first), orderTime(first)];
  return compareInstants(order, time) < 0 ? order : time;
}
