import type { LogMessages } from '@cordwood/live-log';
import { formatMark } from '@cordwood/log-store';
import type { ApiError } from '../../errors/catalogue.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import type { LogEncoder, LogEnd, LogGap } from './encoder.ts';
import { endJson, gapJson, JsonMessages } from './ndjson.ts';

/** How long a browser waits before it connects again, in ms. */
const RETRY = 3_000;

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const DATA = ascii('data: ');
const END = ascii('\n\n');
const HEARTBEAT = ascii(': \n\n');

/** The log as `text/event-stream`: an event for each message, with the cursor that goes on after it as id (unless `ids` is false). */
export class EventFormat implements LogEncoder {
  readonly #writer: ChunkWriter;
  readonly #json: JsonMessages;
  readonly #ids: boolean;

  constructor(writer: ChunkWriter, { ids = true }: { readonly ids?: boolean } = {}) {
    this.#writer = writer;
    this.#ids = ids;
    this.#json = new JsonMessages(writer);
  }

  begin(): void {
    this.#writer.write(ascii(`retry: ${RETRY}\n\n`));
  }

  messages(event: LogMessages, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const message = event.messages[i];
      if (message === undefined) continue;
      if (this.#ids) this.#writer.write(ascii(`id: ${formatMark(event.markOf(i))}\n`));
      this.#writer.write(DATA);
      this.#json.write(event, message, END.length);
      this.#writer.copy(END);
    }
  }

  live(): void {
    this.#event('live', {});
  }

  gap(event: LogGap): void {
    this.#event('gap', gapJson(event));
  }

  end(end: LogEnd): void {
    this.#event('end', { reason: end.reason, ...endJson(end) });
  }

  failed({ code, message }: ApiError): void {
    this.#event('error', { code, message });
  }

  heartbeat(): void {
    this.#writer.write(HEARTBEAT);
  }

  #event(name: string, data: unknown): void {
    this.#writer.write(Buffer.from(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
  }
}
