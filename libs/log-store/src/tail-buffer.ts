import type { MessagesOfInstance } from './message-batch.ts';
import type { MessageMark } from './messages.ts';

/** The last messages of a sequence, as long as they fit. */
export class TailBuffer {
  /** How many messages there were in all. */
  total = 0;
  /** Bytes that are kept for them. */
  bytes = 0;
  /** Whether they do not fit: then none are kept. */
  isOver = false;
  /** The first message of all. */
  first: MessageMark | undefined;
  private readonly most: number;
  private readonly room: number;
  private readonly kept: { readonly batch: MessagesOfInstance; readonly bytes: number }[] = [];
  private keptCount = 0;
  /** Where the first batch is that is still needed. */
  private start = 0;

  /** `most`: how many messages are wanted. `room`: how many bytes may be kept. */
  constructor(most: number, room: number) {
    this.most = most;
    this.room = room;
  }

  /** How many of the messages there were are among the last ones. */
  get count(): number {
    return Math.min(this.total, this.most);
  }

  push(batch: MessagesOfInstance): void {
    this.first ??= batch.markOf(0);
    this.total += batch.messages.length;
    if (this.isOver) return;
    const kept = compact(batch);
    this.kept.push(kept);
    this.bytes += kept.bytes;
    this.keptCount += batch.messages.length;
    for (;;) {
      const oldest = this.kept[this.start];
      if (oldest === undefined || this.keptCount - oldest.batch.messages.length < this.most) break;
      this.keptCount -= oldest.batch.messages.length;
      this.bytes -= oldest.bytes;
      this.start++;
    }
    if (this.start > 1000) {
      this.kept.splice(0, this.start);
      this.start = 0;
    }
    if (this.bytes <= this.room) return;
    this.isOver = true;
    this.kept.length = 0;
    this.bytes = 0;
  }

  /** The last messages, in order. */
  *batches(): Generator<MessagesOfInstance> {
    let toSkip = this.keptCount - this.count;
    for (const { batch } of this.kept.slice(this.start)) {
      yield batch.slice(toSkip);
      toSkip = 0;
    }
  }
}

/** The batch with what is kept for it: the bytes of the file around its messages, or copies of these where they are few. */
function compact(batch: MessagesOfInstance): { readonly batch: MessagesOfInstance; readonly bytes: number } {
  const { messages } = batch;
  let own = 0;
  let around = 0;
  let last: ArrayBufferLike | undefined;
  for (const { bytes, timeStart, timeEnd, logStart, logEnd } of messages) {
    own += timeEnd - timeStart + logEnd - logStart;
    if (bytes.buffer !== last) around += bytes.buffer.byteLength;
    last = bytes.buffer;
  }
  const objects = messages.length * RECORD;
  return own * 2 < around ? { batch: batch.detached(), bytes: own + objects } : { batch, bytes: around + objects };
}

/** What a LogRecord takes besides its bytes, about. */
const RECORD = 200;
