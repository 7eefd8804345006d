import { type Instant, recordTime, textHash } from '@cordwood/log-record';
import { type InstanceName, markOfMessage, type MessageMark } from '@cordwood/log-store';
import type { LogMessages } from './log-events.ts';
import type { LiveLine } from './live-stream.ts';
import { justBefore, RecentMessages } from './recent-messages.ts';

/** Messages of a batch of the archive that are remembered one by one when the live log takes over. */
const REMEMBERED = 200;

/** What was given of a container instance so far: how to tell it again in the archive, and in the live log. */
export class Given {
  readonly instance: InstanceName;
  private readonly messages = new RecentMessages();
  /** The last of the archive, not looked at before the live log is: most of the archive never meets it. */
  private batch: LogMessages | undefined;
  private place: MessageMark | undefined;
  private live: { readonly line: LiveLine; readonly nth: number } | undefined;

  /** `from`: what is earlier is not wanted. `place`: what stands up to it is not wanted either. */
  constructor(instance: InstanceName, from: Instant | undefined, place: MessageMark | undefined) {
    this.instance = instance;
    if (from !== undefined) this.messages.forgetUpTo(justBefore(from));
    if (place !== undefined) this.beginAfter(place);
  }

  /** As if all up to this message had been given. */
  beginAfter(place: MessageMark): void {
    this.place = place;
    this.messages.beginAfter(place.time, place.hash, place.nth);
  }

  /** The messages that were given last, one by one. */
  get recent(): RecentMessages {
    const { batch } = this;
    this.batch = undefined;
    if (batch !== undefined) {
      const { messages } = batch;
      const first = Math.max(0, messages.length - REMEMBERED);
      const before = messages[first - 1];
      if (before !== undefined) this.messages.forgetUpTo(recordTime(before));
      for (const message of messages.slice(first)) this.messages.add(recordTime(message), textHash(message), true);
    }
    return this.messages;
  }

  /** The last message's place; undefined: none was given. */
  get mark(): MessageMark | undefined {
    const { live } = this;
    if (live !== undefined) {
      this.place = markOfMessage(this.instance, live.line.record, live.nth);
      this.live = undefined;
    }
    return this.place;
  }

  /** Notes messages of the archive, which are not looked at before they must. */
  archive(event: LogMessages): LogMessages {
    if (this.batch !== undefined) {
      const before = this.batch.messages.at(-1);
      if (before !== undefined) this.messages.forgetUpTo(recordTime(before));
    }
    this.batch = event;
    this.live = undefined;
    this.place = event.markOf(event.messages.length - 1);
    return event;
  }

  /** Notes lines of the live log; at least one. */
  lines(lines: readonly LiveLine[]): LogMessages {
    const { instance, recent } = this;
    const nths = lines.map(({ time, hash }) => recent.add(time, hash, false));
    const messages = lines.map(({ record }) => record);
    const last = lines.at(-1);
    if (last !== undefined) this.live = { line: last, nth: nths.at(-1) ?? 1 };
    return {
      kind: 'messages',
      instance,
      live: true,
      messages,
      markOf: (index) => {
        const message = messages[index];
        if (message === undefined) throw new RangeError(`there is no message ${index.toString()}`);
        return markOfMessage(instance, message, nths[index] ?? 1);
      },
    };
  }
}
