import { LineSplitter } from './lines.ts';

/** An event of a `text/event-stream`. */
export interface ServerEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  readonly data: string;
  /** The last id so far; undefined: none yet. */
  readonly id: string | undefined;
}

/** Takes a `text/event-stream` apart, as the HTML standard says. An event that is not whole is none. */
export class EventParser {
  readonly #lines = new LineSplitter();
  #first = true;
  #type = '';
  #data: string[] = [];
  #id: string | undefined;
  #lastId: string | undefined;

  /** Of the last event that came whole, even one that said nothing else: where to go on. */
  get lastId(): string | undefined {
    return this.#lastId;
  }

  *push(text: string): Generator<ServerEvent> {
    // A byte order mark is the decoder's to take away, but not every one does.
    const piece = this.#first ? text.replace(/^\uFEFF/, '') : text;
    if (text !== '') this.#first = false;
    for (const line of this.#lines.push(piece)) {
      if (line === '') {
        const event = this.#dispatch();
        if (event !== undefined) yield event;
      } else {
        this.#take(line);
      }
    }
  }

  #take(line: string): void {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    // `retry` is for whoever has no better idea of when to come back.
  }

  #dispatch(): ServerEvent | undefined {
    this.#lastId = this.#id;
    const event = { type: this.#type === '' ? 'message' : this.#type, data: this.#data.join('\n'), id: this.#id };
    const isEmpty = this.#data.length === 0;
    this.#type = '';
    this.#data = [];
    return isEmpty ? undefined : event;
  }
}
