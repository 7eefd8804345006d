import { compareInstants, type Instant, recordTime } from '@cordwood/log-record';
import { type InstanceName, type MessageMark, PositionLostError } from '@cordwood/log-store';
import { CAUGHT_UP, type ContainerEvent } from './container-events.ts';
import { archived, only } from './events.ts';
import type { Given } from './given.ts';
import { InstanceTail } from './instance-tail.ts';
import type { LogEvent } from './log-events.ts';
import { type ArchivedInstance, lastKnownMs } from './pod-archive.ts';
import { instantOf, msOf, type Reading } from './reading.ts';
import { justBefore } from './recent-messages.ts';

export interface ArchivedPartOptions {
  readonly reading: Reading;
  readonly instance: InstanceName;
  readonly since: Instant | undefined;
  readonly place: MessageMark | undefined;
  readonly giveUpAt: () => number;
  readonly given: Given;
}

/** What the archive gives of a container instance that Kubernetes still has: before the live log, beside it, and after it. */
export class ArchivedPart {
  /** Goes on in the archive after what was given. */
  readonly tail: InstanceTail;
  private readonly options: ArchivedPartOptions;

  constructor(options: ArchivedPartOptions) {
    this.options = options;
    this.tail = new InstanceTail(options.reading, options.since, options.place);
  }

  /** What there is of it. `notBefore`: as of `Reading.instance`. */
  async instance(notBefore?: number): Promise<ArchivedInstance | undefined> {
    const { reading, instance } = this.options;
    return reading.instance(instance, notBefore);
  }

  /** What is old enough for the archive to have it, late files and all. */
  async *before(): AsyncGenerator<ContainerEvent> {
    const { reading, since, place } = this.options;
    const instance = await this.instance(reading.clock.now());
    if (instance === undefined) return;
    const safe = safelyArchived(reading, instance);
    if (place === undefined && since !== undefined && compareInstants(since, safe) >= 0) {
      // Nothing of the archive is wanted, but a message before what is wanted tells whether the live log reaches back so far.
      const last = await lastBefore(reading, instance, since);
      if (last !== undefined) {
        this.tail.goOnAfter(last);
        this.options.given.beginAfter(last);
      }
      return;
    }
    if (place !== undefined && compareInstants(place.time, safe) >= 0) return;
    try {
      for await (const batch of this.tail.more(instance, false)) {
        const young = batch.messages.findIndex((message) => compareInstants(recordTime(message), safe) >= 0);
        const event = young < 0 ? archived(batch) : only(archived(batch), (_, index) => index < young);
        if (event !== undefined) yield this.options.given.archive(event);
        if (young >= 0) break;
      }
    } catch (error) {
      if (!(error instanceof PositionLostError)) throw error;
    }
  }

  /** What has come to the archive. */
  async *news(notBefore?: number): AsyncGenerator<LogEvent, number> {
    const instance = await this.instance(notBefore);
    this.tail.goOnAfter(this.options.given.mark);
    if (instance === undefined || !this.tail.hasChanged(instance)) return 0;
    return yield* this.moreOf(instance, false);
  }

  private async *moreOf(instance: ArchivedInstance, unfinished: boolean): AsyncGenerator<LogEvent, number> {
    let count = 0;
    try {
      for await (const batch of this.tail.more(instance, unfinished)) {
        count += batch.messages.length;
        yield this.options.given.archive(archived(batch));
      }
    } catch (error) {
      // What was given last has not come to the archive yet.
      if (!(error instanceof PositionLostError)) throw error;
      return -1;
    }
    return count;
  }

  /** The rest of an instance that is over, of which Kubernetes tells no more: what comes to the archive within the time it may take. */
  async *rest(endedAt: Instant | undefined): AsyncGenerator<ContainerEvent> {
    const { reading } = this.options;
    const { timing, options } = reading;
    const giveUpAt = this.options.giveUpAt();
    let end = (endedAt === undefined ? options.storeNow() : msOf(endedAt)) + timing.archiveWait;
    for (;;) {
      const isLast = options.storeNow() >= end || reading.clock.now() >= giveUpAt;
      const instance = await this.instance(isLast ? reading.clock.now() : undefined);
      this.tail.goOnAfter(this.options.given.mark);
      if (instance !== undefined && (isLast || this.tail.hasChanged(instance))) {
        const count = yield* this.moreOf(instance, isLast);
        if (count > 0 && endedAt === undefined && !isLast) end = options.storeNow() + timing.archiveWait;
        if (count < 0 && isLast) yield* this.restAfterGap(instance, endedAt);
      } else if (isLast && this.options.given.recent.last?.archived === false) {
        yield this.gap(endedAt);
      }
      if (isLast) return;
      yield CAUGHT_UP;
      await reading.sleep(timing.lookInterval);
    }
  }

  /** The archive never got to where the live log ended. */
  private async *restAfterGap(instance: ArchivedInstance, endedAt: Instant | undefined): AsyncGenerator<LogEvent> {
    yield this.gap(endedAt);
    for await (const batch of this.tail.later(instance, true)) yield this.options.given.archive(archived(batch));
  }

  private gap(endedAt: Instant | undefined): LogEvent {
    const { reading, instance } = this.options;
    const before = endedAt ?? instantOf(reading.options.storeNow());
    return { kind: 'gap', instance, after: this.options.given.recent.last?.time, before };
  }
}

/** What is earlier than this has come to the archive, late files and all. */
export const safelyArchived = (reading: Reading, instance: ArchivedInstance): Instant =>
  instantOf(Math.min(reading.options.storeNow(), lastKnownMs(instance)) - reading.timing.archiveMargin);

/** The last message of the archive that is earlier. */
export async function lastBefore(
  reading: Reading,
  instance: ArchivedInstance,
  before: Instant,
): Promise<MessageMark | undefined> {
  let mark: MessageMark | undefined;
  const range = { until: justBefore(before), tail: 1, unfinished: false, signal: reading.signal };
  for await (const batch of reading.archive.messages([instance], range)) mark = batch.markOf(batch.messages.length - 1);
  return mark;
}
