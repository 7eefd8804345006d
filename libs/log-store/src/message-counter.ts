import { isOrdered, type LogRecord, orderTime, recordTime, textHash } from '@cordwood/log-record';
import { earliestOf } from './instances.ts';
import type { UnfinishedLines } from './message-assembler.ts';
import type { InstanceName, MessageMark } from './messages.ts';

/** Messages of the same time are counted together as long as no more than this many others stand between two of them. */
export const WINDOW = 2048;

/**
 * Counts the messages of a container instance that have the same time. Mostly a message is later than all before it, and nothing
 * is looked up; memory is that of {@link WINDOW} times.
 */
export class MessageCounter {
  private readonly seconds = new Float64Array(WINDOW);
  private readonly nanos = new Int32Array(WINDOW);
  private readonly nths = new Float64Array(WINDOW);
  private size = 0;
  /** The latest time of the messages since the last turn of the window, and of those of the turn before. */
  private latest = { seconds: -Infinity, nanos: 0 };
  private latestBefore = this.latest;
  /** For counts that begin late: which of the messages in the window may be another one among those of their time. */
  private doubtful: Uint8Array | undefined;
  /** Where in the window the message was found after which the last one was counted. */
  private found: number | undefined;
  private sure = true;

  /** Whether all but the first {@link WINDOW} messages were counted as they would have been from the beginning. */
  get isSure(): boolean {
    return this.sure;
  }

  /** To be called first when there are messages before those that will be counted. */
  beginLate(): void {
    this.doubtful = new Uint8Array(WINDOW);
  }

  /** Which one each message is among those of its time; undefined: each is the first. To be called with all messages, in order. */
  count(messages: readonly LogRecord[]): Float64Array | undefined {
    let nths: Float64Array | undefined;
    for (let index = 0; index < messages.length; index++) {
      const message = messages[index];
      if (message === undefined) break;
      const untimed = Number.isNaN(message.seconds);
      const seconds = untimed ? message.orderSeconds : message.seconds;
      const nanos = untimed ? message.orderNanos : message.nanos;
      const nth = this.add(seconds, nanos);
      if (nth > 1 && nths === undefined) nths = new Float64Array(messages.length).fill(1);
      if (nths !== undefined) nths[index] = nth;
    }
    return nths;
  }

  private add(seconds: number, nanos: number): number {
    const at = this.size++ % WINDOW;
    if (at === 0) {
      this.latestBefore = this.latest;
      this.latest = { seconds: -Infinity, nanos: 0 };
    }
    let nth = 1;
    this.found = undefined;
    if (isLater(seconds, nanos, this.latest)) {
      if (!isLater(seconds, nanos, this.latestBefore)) nth = this.before(seconds, nanos) + 1;
      this.latest.seconds = seconds;
      this.latest.nanos = nanos;
    } else nth = this.before(seconds, nanos) + 1;
    this.seconds[at] = seconds;
    this.nanos[at] = nanos;
    this.nths[at] = nth;
    if (this.doubtful !== undefined) this.doubt(this.doubtful, at);
    return nth;
  }

  /** The first ones may follow messages that were not counted, and others may follow those. */
  private doubt(doubtful: Uint8Array, at: number): void {
    const isFirst = this.size <= WINDOW;
    const isDoubtful = isFirst || (this.found !== undefined && doubtful[this.found] === 1);
    doubtful[at] = isDoubtful ? 1 : 0;
    if (isDoubtful && !isFirst) this.sure = false;
  }

  /** The count of the last message of this time; 0: there is none. */
  private before(seconds: number, nanos: number): number {
    const oldest = Math.max(0, this.size - WINDOW);
    for (let index = this.size - 2; index >= oldest; index--) {
      const at = index % WINDOW;
      if (this.seconds[at] !== seconds || this.nanos[at] !== nanos) continue;
      this.found = at;
      return this.nths[at] ?? 0;
    }
    return 0;
  }
}

const isLater = (seconds: number, nanos: number, than: { readonly seconds: number; readonly nanos: number }): boolean =>
  seconds > than.seconds || (seconds === than.seconds && nanos > than.nanos);

/**
 * The mark of a message that is the `nth` of its time in the instance. `unfinished`: the lines in parts that were so at that point.
 */
export function markOfMessage(
  instance: Pick<InstanceName, 'namespace' | 'containerId'>,
  message: LogRecord,
  nth: number,
  unfinished: UnfinishedLines = { since: undefined, unjoined: [] },
): MessageMark {
  const time = recordTime(message);
  return {
    namespace: instance.namespace,
    containerId: instance.containerId,
    time,
    hash: textHash(message),
    nth,
    // It stands in no file of which all times and places are earlier. A record from Kubernetes has no place of its own.
    findFrom: earliestOf([time, isOrdered(message) ? orderTime(message) : time, unfinished.since]) ?? time,
    ...(unfinished.unjoined.length > 0 && { unjoined: unfinished.unjoined }),
  };
}
