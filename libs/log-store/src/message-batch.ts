import { detachedRecords, type LogRecord } from '@cordwood/log-record';
import type { UnfinishedLines } from './message-assembler.ts';
import { markOfMessage } from './message-counter.ts';
import type { InstanceName, MessageBatch, MessageMark } from './messages.ts';

/** Messages with which one each is among those of its time. */
export class MessagesOfInstance implements MessageBatch {
  readonly instance: InstanceName;
  readonly messages: LogRecord[];
  private readonly nths: Float64Array | undefined;
  private readonly unfinished: UnfinishedLines;

  /** `nths` undefined: each is the first of its time. `unfinished`: see `markOfMessage`. */
  constructor(
    instance: InstanceName,
    messages: LogRecord[],
    nths: Float64Array | undefined,
    unfinished: UnfinishedLines,
  ) {
    this.instance = instance;
    this.messages = messages;
    this.nths = nths;
    this.unfinished = unfinished;
  }

  markOf(index: number): MessageMark {
    const message = this.messages[index];
    if (message === undefined) throw new RangeError(`there is no message ${index.toString()}`);
    return markOfMessage(this.instance, message, this.nths?.[index] ?? 1, this.unfinished);
  }

  /** With bytes of its own. */
  detached(): MessagesOfInstance {
    return this.with(detachedRecords(this.messages), this.nths);
  }

  /** Without so many at the beginning, and up to the message `to`. */
  slice(from: number, to = this.messages.length): MessagesOfInstance {
    if (from <= 0 && to >= this.messages.length) return this;
    return this.with(this.messages.slice(from, to), this.nths?.slice(from, to));
  }

  /** Those for which this is true; undefined when there are none. */
  where(isWanted: (message: LogRecord, index: number) => boolean): MessagesOfInstance | undefined {
    const { messages, nths } = this;
    // Mostly all of a batch are wanted, or none.
    const first = messages.findIndex((message, index) => !isWanted(message, index));
    if (first < 0) return this;
    const kept = messages.slice(0, first);
    const keptNths = nths && Array.from(nths.subarray(0, first));
    for (let index = first + 1; index < messages.length; index++) {
      const message = messages[index];
      if (message === undefined || !isWanted(message, index)) continue;
      kept.push(message);
      keptNths?.push(nths?.[index] ?? 1);
    }
    if (kept.length === 0) return undefined;
    return this.with(kept, keptNths && Float64Array.from(keptNths));
  }

  private with(messages: LogRecord[], nths: Float64Array | undefined): MessagesOfInstance {
    return new MessagesOfInstance(this.instance, messages, nths, this.unfinished);
  }
}
