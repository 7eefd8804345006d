import { formatTime, type LogRecord, maxMessageLength, writeMessage, writeTime } from '@cordwood/log-record';
import type { LogMessages } from '@cordwood/live-log';
import type { ChunkWriter } from './chunk-writer.ts';
import type { LogEncoder, LogGap } from './encoder.ts';

export interface TextFormatOptions {
  /** Whether each message is preceded by its time. */
  readonly timestamps: boolean;
  /** Whether each message is preceded by the name of its container. */
  readonly prefix: boolean;
  /** Lines that are no messages begin with it. */
  readonly separator: string;
  /** Whether a line tells where the messages after it come from. */
  readonly debug: boolean;
}

const NEWLINE = 0x0a;
const BLANK = 0x20;

/** The log as text: each message as it is, with a newline where it ends in none. */
export class TextFormat implements LogEncoder {
  readonly #writer: ChunkWriter;
  readonly #options: TextFormatOptions;
  #source = '';

  constructor(writer: ChunkWriter, options: TextFormatOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  messages(event: LogMessages, from: number, to: number): void {
    const { prefix, debug } = this.#options;
    if (debug) this.#tellSource(event);
    const before = prefix ? Buffer.from(`${event.instance.container} `) : undefined;
    for (let i = from; i < to; i++) {
      const message = event.messages[i];
      if (message !== undefined) this.#line(message, before);
    }
  }

  live(): void {
    this.#tell('');
  }

  gap({ instance, after, before }: LogGap): void {
    const since = after === undefined ? '' : ` after ${formatTime(after)} and`;
    this.#tell(` lines of ${instance.container} may be missing${since} before ${formatTime(before)}`);
  }

  end(): void {
    // Text just ends.
  }

  #line(message: LogRecord, before: Uint8Array | undefined): void {
    const writer = this.#writer;
    const timeLength = message.timeEnd - message.timeStart;
    writer.reserve((before?.length ?? 0) + timeLength + maxMessageLength(message) + 2);
    if (before !== undefined) writer.copy(before);
    if (this.#options.timestamps) {
      writer.size = writeTime(message, writer.chunk, writer.size);
      writer.chunk[writer.size++] = BLANK;
    }
    const from = writer.size;
    writer.size = writeMessage(message, writer.chunk, from);
    if (writer.size === from || writer.chunk[writer.size - 1] !== NEWLINE) writer.chunk[writer.size++] = NEWLINE;
  }

  #tellSource({ instance, live }: LogMessages): void {
    const { namespace = '?', container, containerId } = instance;
    const source = ` ${live ? 'kubernetes' : 'archive'} ${namespace}/${container} ${containerId}`;
    if (source !== this.#source) this.#tell(source);
    this.#source = source;
  }

  #tell(words: string): void {
    this.#writer.write(Buffer.from(`${this.#options.separator}${words}\n`));
  }
}
