import { formatTime, type LogRecord } from '@cordwood/log-record';
import type { InstanceName } from '@cordwood/log-store';
import type { LogMessages } from '@cordwood/live-log';
import type { ChunkWriter } from './chunk-writer.ts';
import type { LogEncoder, LogEnd, LogGap } from './encoder.ts';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const TIME = ascii('{"time":"');
const END = ascii('"}');
const NEWLINE = ascii('\n');

/** What stands between time and message, which is the same for all messages of an instance and stream. */
interface Infixes {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Kubernetes does not tell the stream. */
  readonly live: Uint8Array;
}

/**
 * Writes messages as JSON objects, without what ends a line. Time and message are copied as they stand in the record: inside of a JSON string
 * already.
 */
export class JsonMessages {
  readonly #writer: ChunkWriter;
  #instance: InstanceName | undefined;
  #infixes: Infixes = infixesOf({ namespace: undefined, container: '', containerId: '' });

  constructor(writer: ChunkWriter) {
    this.#writer = writer;
  }

  /** The infix of a message of the event. Room for the object is reserved, and for `more` bytes beside it. */
  write(event: LogMessages, message: LogRecord, more: number): void {
    const infixes = this.#of(event.instance);
    const infix = event.live ? infixes.live : message.stderr ? infixes.stderr : infixes.stdout;
    const { timeBytes, timeStart, timeEnd, bytes, logStart, logEnd } = message;
    const writer = this.#writer;
    writer.reserve(TIME.length + timeEnd - timeStart + infix.length + logEnd - logStart + END.length + more);
    writer.copy(TIME);
    writer.copy(timeBytes, timeStart, timeEnd);
    writer.copy(infix);
    writer.copy(bytes, logStart, logEnd);
    writer.copy(END);
  }

  #of(instance: InstanceName): Infixes {
    if (instance !== this.#instance) {
      this.#instance = instance;
      this.#infixes = infixesOf(instance);
    }
    return this.#infixes;
  }
}

function infixesOf(instance: InstanceName): Infixes {
  const whose = JSON.stringify(instanceJson(instance)).slice(1, -1);
  const infix = (stream: string) => Buffer.from(`",${stream}${whose},"log":"`);
  return { stdout: infix('"stream":"stdout",'), stderr: infix('"stream":"stderr",'), live: infix('') };
}

const instanceJson = ({ namespace, container, containerId }: InstanceName) => ({
  ...(namespace !== undefined && { namespace }),
  container,
  container_id: containerId,
});

export const gapJson = ({ instance, after, before }: LogGap) => ({
  ...instanceJson(instance),
  ...(after !== undefined && { after: formatTime(after) }),
  before: formatTime(before),
});

export const endJson = ({ cursor, hasMore }: LogEnd) => ({ next_cursor: cursor, has_more: hasMore });

/** The log as one JSON object a line. */
export class NdjsonFormat implements LogEncoder {
  readonly #writer: ChunkWriter;
  readonly #json: JsonMessages;
  readonly #isPage: boolean;

  /** `isPage`: a last line says where the next page begins. */
  constructor(writer: ChunkWriter, isPage: boolean) {
    this.#writer = writer;
    this.#json = new JsonMessages(writer);
    this.#isPage = isPage;
  }

  messages(event: LogMessages, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const message = event.messages[i];
      if (message === undefined) continue;
      this.#json.write(event, message, NEWLINE.length);
      this.#writer.copy(NEWLINE);
    }
  }

  live(): void {
    // That a message is live can be seen by its missing stream.
  }

  gap(event: LogGap): void {
    this.#line({ gap: gapJson(event) });
  }

  end(end: LogEnd): void {
    if (this.#isPage) this.#line(endJson(end));
  }

  #line(value: unknown): void {
    this.#writer.write(Buffer.from(`${JSON.stringify(value)}\n`));
  }
}
