import type { ContainerInstance } from './instances.ts';
import { type Filter, instanceMessages, type InstanceMessagesOptions, type Start } from './instance-messages.ts';
import type { MessagesOfInstance } from './message-batch.ts';
import { MessageSeek } from './message-seek.ts';
import { messagesAfter } from './messages-after.ts';
import type { MessageBatch, MessageMark } from './messages.ts';
import type { RawFile } from './raw-file.ts';
import { PositionLostError } from './read-position.ts';
import { TailBuffer } from './tail-buffer.ts';

type Opened = ContainerInstance<RawFile>;

/** Bytes of messages that a tail keeps; what is larger is read a second time. */
const KEPT = 32 * 1024 * 1024;
/** A raw file of so many bytes holds a record for certain: no more than this are compressed ones of usual lines. */
const RAW_RECORD = 1024;

/**
 * The last `count` messages that are wanted of these instances, in order. Instances are read from the last one backwards, each from
 * near its end: a number of requests that does not depend on the log's size, as long as most messages are wanted. `after`: of the first
 * instance only what follows this.
 */
export async function* lastMessages(
  options: InstanceMessagesOptions,
  opened: readonly Opened[],
  filter: Filter,
  count: number,
  after: MessageMark | undefined,
): AsyncGenerator<MessageBatch> {
  const ends: InstanceEnd[] = [];
  let missing = count;
  let room = KEPT;
  for (const [index, instance] of [...opened.entries()].toReversed()) {
    if (missing === 0) break;
    const end = new InstanceEnd(options, instance, filter, index === 0 ? after : undefined);
    await end.find(missing, room);
    missing -= end.count;
    room -= end.buffer.bytes;
    ends.unshift(end);
  }
  for (const end of ends) yield* end.messages();
}

/** The last messages of one instance. */
class InstanceEnd {
  buffer = new TailBuffer(0, 0);
  private readonly options: InstanceMessagesOptions;
  private instance: Opened;
  private readonly filter: Filter;
  private readonly after: MessageMark | undefined;
  private isRead = false;

  constructor(options: InstanceMessagesOptions, instance: Opened, filter: Filter, after: MessageMark | undefined) {
    this.options = options;
    this.instance = instance;
    this.filter = filter;
    this.after = after;
  }

  /** How many messages there are of those looked for. */
  get count(): number {
    return this.buffer.count;
  }

  /**
   * Looks for the last `most` messages: among the last records alone where that may do, then in as many files of the end as may hold them, and
   * twice as much as long as they are too few.
   */
  async find(most: number, room: number): Promise<void> {
    let records = this.after === undefined ? firstGuess(this.instance, most) : undefined;
    // Where few messages are wanted of many, they are rarely among so few records.
    let isExact = records !== undefined && records > 0 && this.filter.wanted === undefined;
    for (let isWhole = false; !isWhole;) {
      isWhole = true;
      let read = 0;
      const counted = { isSure: true };
      const onUnsure = (): void => {
        counted.isSure = false;
      };
      const onBegin: Start['onBegin'] = ({ whole, runs }) => {
        isWhole = whole;
        read = runs[0]?.files.reduce((sum, file) => sum + file.records_count, 0) ?? 0;
      };
      this.buffer = new TailBuffer(most, room);
      for await (const batch of await this.read({
        ...(records !== undefined && { records }),
        ...(isExact && { onUnsure }),
        onBegin,
      })) {
        this.buffer.push(batch);
      }
      if (this.buffer.count >= most && counted.isSure) return;
      if (!isExact) records = Math.max(most, 2 * read);
      isExact = false;
    }
  }

  /** The messages that were found. Those that were too many to be kept are read again. */
  async *messages(): AsyncGenerator<MessageBatch> {
    const { buffer } = this;
    if (!buffer.isOver) {
      yield* buffer.batches();
      return;
    }
    const { first, total, count } = buffer;
    if (first === undefined) return;
    const seek = new MessageSeek(first, { inclusive: false });
    let toSkip = total - count;
    let missing = count;
    for await (const batch of await this.read({ seek })) {
      const rest = batch.slice(toSkip, toSkip + missing);
      toSkip = Math.max(0, toSkip - batch.messages.length);
      missing -= rest.messages.length;
      if (rest.messages.length > 0) yield rest;
      if (missing === 0) return;
    }
    if (!seek.found) throw new PositionLostError(first.containerId);
  }

  /** Reads the instance as it was listed, unless compaction has replaced its files. */
  private async read(start: Start): Promise<AsyncGenerator<MessagesOfInstance>> {
    const { options, filter, after } = this;
    // Raw files are read once.
    if (this.isRead) this.instance = (await options.opener.open([this.instance], filter.signal))[0] ?? this.instance;
    this.isRead = true;
    return after === undefined || start.seek !== undefined
      ? instanceMessages(options, this.instance, filter, start)
      : messagesAfter(options, this.instance, filter, after);
  }
}

/** How many records of merged files to begin with: none where raw files, which are all read, hold enough. */
function firstGuess({ raw }: Opened, most: number): number {
  const size = raw.reduce((sum, file) => sum + file.size, 0);
  return most * RAW_RECORD <= size ? 0 : most;
}
