import { compareInstants, type Instant, type LogRecord } from '@cordwood/log-record';
import type { LiveLine } from './live-stream.ts';

/** Messages that are remembered one by one: some 200 KB. */
const REMEMBERED = 1_000;

interface Remembered {
  readonly time: Instant;
  readonly hash: number;
  /** The archive may spell it otherwise than Kubernetes does: see {@link isGarbled}. */
  readonly archived: boolean;
}

const keyOf = ({ seconds, nanos }: Instant): string => `${seconds.toString()}.${nanos.toString()}`;

const REPLACED = Buffer.from('\ufffd');

/** Whether the text held bytes that are no UTF-8: who wrote it to the archive may have replaced them by something else. */
export const isGarbled = ({ bytes, logStart, logEnd }: LogRecord): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset + logStart, logEnd - logStart).includes(REPLACED);

/** A nanosecond before. */
export const justBefore = ({ seconds, nanos }: Instant): Instant =>
  nanos > 0 ? { seconds, nanos: nanos - 1 } : { seconds: seconds - 1, nanos: 999_999_999 };

/** The messages of a container instance that were given last. */
export class RecentMessages {
  private readonly byTime = new Map<string, Remembered[]>();
  private order: Remembered[] = [];
  private first = 0;
  private forgotten: Instant | undefined;

  /** The last one. */
  get last(): Remembered | undefined {
    return this.order.at(-1);
  }

  /** Time of the last message that is not remembered any more; undefined: all of the instance's are. */
  get floor(): Instant | undefined {
    return this.forgotten;
  }

  /** Notes that messages up to this one were given, or are not wanted, without remembering them. */
  forgetUpTo(time: Instant): void {
    this.forgotten = time;
  }

  /** Notes a message that was given before this began: the `nth` of its time. */
  beginAfter(time: Instant, hash: number, nth: number): void {
    this.forgotten = justBefore(time);
    for (let sibling = 1; sibling < nth; sibling++) this.add(time, NaN, true);
    this.add(time, hash, true);
  }

  /** Gives which one it is among those with this time. */
  add(time: Instant, hash: number, archived: boolean): number {
    const message = { time, hash, archived };
    const key = keyOf(time);
    const equal = this.byTime.get(key);
    if (equal === undefined) this.byTime.set(key, [message]);
    else equal.push(message);
    this.order.push(message);
    if (this.order.length - this.first > REMEMBERED) this.forgetFirst();
    return equal?.length ?? 1;
  }

  /** Those at a time, in the order in which they were given. */
  at(time: Instant): readonly Remembered[] {
    return this.byTime.get(keyOf(time)) ?? [];
  }

  /** All that are remembered, by time. */
  snapshot(): Map<string, Remembered[]> {
    return new Map([...this.byTime].map(([key, equal]) => [key, [...equal]]));
  }

  private forgetFirst(): void {
    const oldest = this.order[this.first++];
    if (oldest === undefined) return;
    this.forgotten = oldest.time;
    const key = keyOf(oldest.time);
    const rest = this.byTime.get(key)?.filter((each) => each !== oldest) ?? [];
    if (rest.length === 0) this.byTime.delete(key);
    else this.byTime.set(key, rest);
    if (this.first < REMEMBERED) return;
    this.order = this.order.slice(this.first);
    this.first = 0;
  }
}

/** Tells which messages of a log that is read again were given already. */
export class Seek {
  private readonly recent: RecentMessages;
  /** Of those at each time that was met, the ones that were not found yet. */
  private left = new Map<string, Remembered[]>();
  private metLast = false;
  private metAny = false;
  private metGiven = false;
  private isLinked = false;

  constructor(recent: RecentMessages) {
    this.recent = recent;
  }

  /** The last message that was given was found: all that follows is new. */
  get foundLast(): boolean {
    return this.metLast;
  }

  /** A message that was given was found: it is the log of the same container instance. */
  get foundAny(): boolean {
    return this.metGiven;
  }

  /** Something was found that was given, or is earlier: what follows comes right after it. */
  get overlaps(): boolean {
    return this.metAny;
  }

  /** Whether what comes is new, save what is remembered now. */
  get linked(): boolean {
    return this.isLinked || this.metLast;
  }

  /** To be called when nothing is missing before what comes. */
  link(): void {
    this.isLinked = true;
    // What is given from now on is remembered, too, and may be said twice by the container itself.
    const now = this.recent.snapshot();
    for (const [key, left] of this.left) now.set(key, left);
    this.left = now;
  }

  /** Whether the line was given. To be asked once for each line, in order. */
  isGiven({ time, hash, record }: LiveLine): boolean {
    if (this.metLast) return false;
    const left = this.leftAt(time);
    let index = left.findIndex((each) => each.hash === hash);
    if (index < 0 && isGarbled(record)) index = left.findIndex((each) => each.archived);
    const [found] = index < 0 ? [] : left.splice(index, 1);
    if (found !== undefined) {
      this.metAny = true;
      this.metGiven = true;
      if (found === this.recent.last) {
        this.metLast = true;
        this.left.clear();
      }
      return true;
    }
    const { floor } = this.recent;
    const isBefore = !this.isLinked && floor !== undefined && compareInstants(time, floor) <= 0;
    this.metAny ||= isBefore;
    return isBefore;
  }

  private leftAt(time: Instant): Remembered[] {
    const key = keyOf(time);
    let left = this.left.get(key);
    if (left === undefined) {
      left = this.isLinked ? [] : [...this.recent.at(time)];
      if (!this.isLinked) this.left.set(key, left);
    }
    return left;
  }
}
