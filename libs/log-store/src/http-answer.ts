/** The head of an HTTP answer. Names of headers are in lower case; values of one that stands several times are joined by commas. */
export interface HttpHead {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Takes a piece of a body: the bytes from `from` to `to`, which are good only until it returns. */
export type TakePiece = (bytes: Buffer, from: number, to: number) => void;

/** Bytes that do not make an HTTP/1.1 answer. */
export class MalformedAnswerError extends Error {
  override readonly name = 'MalformedAnswerError';
}

/** More bytes than any head, or line between the chunks of a body, may have. */
const LONGEST_LINES = 64 * 1024;
const END_OF_HEAD = '\r\n\r\n';
const END_OF_LINE = '\r\n';
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: .*)?$/;
const HEADER = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/;
const CHUNK_SIZE = /^([\da-f]{1,12})[ \t]*(?:;.*)?$/i;

/**
 * What follows: `head`, `line` before a chunk, bytes of a `chunk`, its `chunk-end`, `trailers` after the last chunk; a body of `length` or
 * one that lasts `to-end` of the connection; nothing (`over`).
 */
type Part = 'head' | 'line' | 'chunk' | 'chunk-end' | 'trailers' | 'length' | 'to-end' | 'over';

/** Takes the answer to a request (other than HEAD and CONNECT) apart as its bytes arrive (RFC 9112). */
export class HttpAnswer {
  /** Once it is known. Answers that only announce another (1xx) are passed over. */
  head: HttpHead | undefined;
  /** Whether the connection can be used for another request after this answer. */
  keepsConnection = false;
  private readonly takePiece: TakePiece;
  private part: Part = 'head';
  /** Bytes of the body or chunk that are still to come. */
  private missing = 0;
  /** The beginning of a head or line whose end has not come yet. */
  private begun = Buffer.alloc(0);

  constructor(takePiece: TakePiece) {
    this.takePiece = takePiece;
  }

  get isOver(): boolean {
    return this.part === 'over';
  }

  /** Takes the next bytes, up to `end`. @throws MalformedAnswerError */
  push(bytes: Buffer, end: number): void {
    for (let at = 0; at < end;) {
      if (this.isOver) throw new MalformedAnswerError('bytes after the answer');
      at = this.take(bytes, at, end);
    }
  }

  /** The connection has ended. Gives whether the answer is whole. */
  end(): boolean {
    if (this.part === 'to-end') this.part = 'over';
    return this.isOver;
  }

  /** Gives the position up to which bytes were taken. */
  private take(bytes: Buffer, at: number, end: number): number {
    switch (this.part) {
      case 'length':
      case 'chunk':
      case 'to-end': {
        const to = this.part === 'to-end' ? end : Math.min(end, at + this.missing);
        this.takePiece(bytes, at, to);
        this.missing -= to - at;
        if (this.missing === 0 && this.part !== 'to-end') this.part = this.part === 'chunk' ? 'chunk-end' : 'over';
        return to;
      }
      case 'head':
        return this.lines(bytes, at, end, END_OF_HEAD, (text) => this.readHead(text));
      case 'line':
        return this.lines(bytes, at, end, END_OF_LINE, (text) => this.readChunkSize(text));
      case 'chunk-end':
        return this.lines(bytes, at, end, END_OF_LINE, (text) => {
          if (text !== '') throw new MalformedAnswerError('a chunk longer than announced');
          this.part = 'line';
        });
      default:
        return this.lines(bytes, at, end, END_OF_LINE, (text) => {
          if (text === '') this.part = 'over';
        });
    }
  }

  /** Collects bytes up to `terminator`; `read` gets the text before it. */
  private lines(bytes: Buffer, at: number, end: number, terminator: string, read: (text: string) => void): number {
    const before = this.begun.length;
    const all = before === 0 ? bytes.subarray(at, end) : Buffer.concat([this.begun, bytes.subarray(at, end)]);
    const found = all.indexOf(terminator, Math.max(0, before - terminator.length), 'latin1');
    if ((found < 0 ? all.length : found) > LONGEST_LINES) throw new MalformedAnswerError('an endless head');
    // What was pushed is good only for now.
    this.begun = found < 0 ? Buffer.from(all) : Buffer.alloc(0);
    if (found < 0) return end;
    read(all.toString('latin1', 0, found));
    return at + found + terminator.length - before;
  }

  private readHead(text: string): void {
    const [statusLine = '', ...lines] = text.split('\r\n');
    const [, minor, code] = STATUS_LINE.exec(statusLine) ?? [];
    if (minor === undefined) throw new MalformedAnswerError(`no status line: ${statusLine.slice(0, 100)}`);
    const statusCode = Number(code);
    if (statusCode === 101) throw new MalformedAnswerError('another protocol');
    if (statusCode < 200) return;
    const headers = readHeaders(lines);
    this.head = { statusCode, headers };
    const connection = headers['connection']?.toLowerCase();
    this.keepsConnection = minor === '1' ? connection !== 'close' : connection === 'keep-alive';
    this.readFraming(statusCode, headers);
  }

  private readFraming(statusCode: number, headers: HttpHead['headers']): void {
    const { 'transfer-encoding': encoding, 'content-length': length } = headers;
    if (statusCode === 204 || statusCode === 304) this.part = 'over';
    else if (encoding !== undefined) {
      if (encoding.toLowerCase() !== 'chunked' || length !== undefined) {
        throw new MalformedAnswerError(`a body of unclear length: ${encoding}, ${length ?? ''}`);
      }
      this.part = 'line';
    } else if (length !== undefined) {
      this.missing = Number(length);
      if (!/^\d{1,15}$/.test(length)) throw new MalformedAnswerError(`a body of the length ${length}`);
      this.part = this.missing === 0 ? 'over' : 'length';
    } else {
      this.part = 'to-end';
      this.keepsConnection = false;
    }
  }

  private readChunkSize(line: string): void {
    const [, size] = CHUNK_SIZE.exec(line) ?? [];
    if (size === undefined) throw new MalformedAnswerError(`no size of a chunk: ${line.slice(0, 100)}`);
    this.missing = parseInt(size, 16);
    this.part = this.missing === 0 ? 'trailers' : 'chunk';
  }
}

function readHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value = ''] = HEADER.exec(line) ?? [];
    if (name === undefined) throw new MalformedAnswerError(`no header: ${line.slice(0, 100)}`);
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}
