import {
  compareInstants,
  type LogRecord,
  maxMessageLength,
  recordTime,
  textHash,
  writeMessage,
} from '@cordwood/log-record';
import { PositionLostError } from '@cordwood/log-store';
import { archived, only } from './events.ts';
import type { Given } from './given.ts';
import type { InstanceTail } from './instance-tail.ts';
import type { LogEvent, LogMessages } from './log-events.ts';
import type { LiveLine } from './live-stream.ts';
import type { ArchivedInstance } from './pod-archive.ts';
import { msOf, type Reading } from './reading.ts';
import { isGarbled } from './recent-messages.ts';

/** Messages of the archive that are looked through beyond the place where the live log should begin. */
const LOOKED_THROUGH = 2_000;

export interface BridgeOptions {
  readonly reading: Reading;
  readonly given: Given;
  readonly tail: InstanceTail;
  readonly archived: (notBefore?: number) => Promise<ArchivedInstance | undefined>;
  /** Until when the archive is waited for at most, by the clock. */
  readonly giveUpAt: number;
  /** Whether the live log is still that of the instance. */
  readonly isStill: () => Promise<boolean>;
}

/** How it ended: the live log goes on from its first line, or from its second; or it was another instance's. */
type End = 'from the first' | 'after the first' | 'stale';

/**
 * Gives from the archive what lies between the last message that was given and the first line that Kubernetes still has, because the
 * file was rotated. Waits until the archive has that line, too: then nothing is missing.
 */
export class Bridge {
  private readonly options: BridgeOptions;
  /** The place to go on is not in the archive. */
  private lost = false;

  constructor(options: BridgeOptions) {
    this.options = options;
  }

  async *to(held: readonly LiveLine[]): AsyncGenerator<LogEvent, End> {
    const { reading, given, tail } = this.options;
    const { timing, options, clock } = reading;
    const { giveUpAt } = this.options;
    const [first, second] = held;
    if (first === undefined) return 'from the first';
    // What was written before that line has come to the archive by then.
    const deadline = Math.min(options.storeNow(), msOf(first.time)) + timing.archiveWait;
    for (let looks = 0; ; looks++) {
      const left = Math.min(deadline - options.storeNow(), giveUpAt - clock.now());
      const isLast = left <= 0;
      const instance = await this.options.archived(looks === 0 || isLast ? clock.now() : undefined);
      tail.goOnAfter(given.mark);
      if (instance !== undefined && (looks === 0 || tail.hasChanged(instance))) {
        const end = yield* this.search(instance, first, second);
        if (end !== undefined) return end;
      }
      if (!(await this.options.isStill())) return 'stale';
      if (isLast) {
        yield { kind: 'gap', instance: given.instance, after: given.recent.last?.time, before: first.time };
        if (instance !== undefined && this.lost) yield* this.between(instance, first);
        return 'from the first';
      }
      await reading.sleep(Math.min(timing.lookInterval, left));
    }
  }

  /** Gives what comes before the live log's first line; undefined: the archive does not have that line. */
  private async *search(
    instance: ArchivedInstance,
    first: LiveLine,
    second: LiveLine | undefined,
  ): AsyncGenerator<LogEvent, End | undefined> {
    const { given, tail } = this.options;
    /** Later than the first line, and before it all the same, if the clock was set back. */
    const beyond: LogMessages[] = [];
    let beyondCount = 0;
    let sameTime = false;
    let last: LogRecord | undefined;
    this.lost = false;
    try {
      for await (const batch of tail.more(instance, false)) {
        const event = archived(batch);
        const end = batch.messages.findIndex((message) => isLine(message, first));
        const upTo = end < 0 ? batch.messages.length : end;
        const later = batch.messages.findIndex((message) => compareInstants(recordTime(message), first.time) >= 0);
        const young = later < 0 ? upTo : Math.min(later, upTo);
        if (beyond.length === 0 && young > 0) {
          const before = only(event, (_, index) => index < young);
          last = batch.messages[young - 1];
          if (before !== undefined) yield given.archive(before);
        }
        const from = beyond.length === 0 ? young : 0;
        const ahead = only(event, (_, index) => index >= from && index < upTo);
        if (ahead !== undefined) {
          const [next] = ahead.messages;
          if (beyond.length === 0 && next && second && last && isLine(next, second) && endsWith(last, first)) {
            return 'after the first';
          }
          beyond.push(ahead);
          beyondCount += ahead.messages.length;
          sameTime ||= ahead.messages.some((message) => compareInstants(recordTime(message), first.time) === 0);
        }
        if (end >= 0) {
          for (const each of beyond) yield given.archive(each);
          return 'from the first';
        }
        if (beyondCount > LOOKED_THROUGH) break;
      }
    } catch (error) {
      if (!(error instanceof PositionLostError)) throw error;
      this.lost = true;
      return undefined;
    }
    // To the nanosecond the same: the archive spells it in other bytes.
    return sameTime && isGarbled(first.record) ? 'from the first' : undefined;
  }

  /** What the archive has of what may be missing. */
  private async *between(instance: ArchivedInstance, first: LiveLine): AsyncGenerator<LogEvent> {
    const { given, tail } = this.options;
    for await (const batch of tail.later(instance, false)) {
      const event = only(archived(batch), (message) => compareInstants(recordTime(message), first.time) < 0);
      if (event !== undefined) yield given.archive(event);
    }
  }
}

const isLine = (message: LogRecord, line: LiveLine): boolean =>
  compareInstants(recordTime(message), line.time) === 0 && textHash(message) === line.hash;

function endsWith(message: LogRecord, line: LiveLine): boolean {
  return textOf(message).endsWith(textOf(line.record));
}

function textOf(record: LogRecord): string {
  const bytes = Buffer.alloc(maxMessageLength(record));
  return bytes.toString('latin1', 0, writeMessage(record, bytes, 0));
}
