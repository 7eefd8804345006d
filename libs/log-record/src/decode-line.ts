import { decodeOddLine } from './decode-odd-line.ts';
import type { LineFormat, OddLines } from './line-format.ts';
import { endOfObject, endOfString } from './json-bytes.ts';
import type { LogRecord, Part } from './record.ts';
import { TimeReader } from './time.ts';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const OPENING = ascii('{"time":"');
const STREAM = ascii('stream":"std');
const OUT = ascii('out"');
const ERR = ascii('err"');
const LOGTAG = ascii('logtag":"');
const LOG = ascii('log":"');
const ORDER_TIME = ascii('ot":"');
const FLUENT_BIT_PARTIAL = ascii('_p":"');
const KUBERNETES = ascii('kubernetes":');

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const CLOSE = 0x7d;

function holds(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** Fields of a record, one bit each, to notice one that stands twice. */
const SEEN = { stream: 1, logtag: 2, log: 4, orderTime: 8, fluentBitPartial: 16, kubernetes: 32 } as const;

/**
 * Decodes the lines of one file. Nothing is refused: what is no record of the usual form goes the slow way, by the rules of
 * DESIGN section 5 ("Decoding").
 */
export class LineDecoder {
  readonly odd: OddLines = { notJson: 0, oddFields: 0 };
  private readonly times = new TimeReader();
  private readonly orderTimes = new TimeReader();
  private readonly format: LineFormat;
  private readonly isUtf8: (bytes: Uint8Array) => boolean;

  /** `isUtf8`: whether bytes are valid UTF-8, as `node:buffer` has it; passed in, since this library imports nothing of Node's. */
  constructor(format: LineFormat, isUtf8: (bytes: Uint8Array) => boolean) {
    this.format = format;
    this.isUtf8 = isUtf8;
  }

  /** The records of a block of whole lines; the last one may lack its newline. Empty lines are no records. */
  decodeBlock(block: Uint8Array): LogRecord[] {
    const records: LogRecord[] = [];
    const valid = this.isUtf8(block);
    for (let start = 0; start < block.length;) {
      const newline = block.indexOf(NEWLINE, start);
      const end = newline < 0 ? block.length : newline;
      if (end > start) {
        const usual =
          valid || this.isUtf8(block.subarray(start, end)) ? this.decodeUsual(block, start, end) : undefined;
        records.push(usual ?? decodeOddLine(block.subarray(start, end), this.format, this.odd));
      }
      start = end + 1;
    }
    return records;
  }

  /**
   * The usual form, straight from its bytes: `time` first, then strings of known names in any order, each at most once, and the
   * `kubernetes` map, which is skipped. Undefined for any other line.
   */
  private decodeUsual(bytes: Uint8Array, start: number, end: number): LogRecord | undefined {
    if (!holds(bytes, start, OPENING)) return undefined;
    const timeStart = start + OPENING.length;
    const timeEnd = endOfString(bytes, timeStart, end);
    if (!(timeEnd >= 0)) return undefined;

    let seen = 0;
    let stderr = false;
    let part: Part = '';
    let logStart = 0;
    let logEnd = 0;
    let escaped = false;
    let orderStart = 0;
    let orderEnd = 0;
    let at = timeEnd + 1;
    while (bytes[at] === COMMA && bytes[at + 1] === QUOTE) {
      at += 2;
      let field: number;
      if (holds(bytes, at, LOG)) {
        field = SEEN.log;
        logStart = at + LOG.length;
        const close = endOfString(bytes, logStart, end);
        if (Number.isNaN(close)) return undefined;
        escaped = close < 0;
        logEnd = escaped ? -close - 1 : close;
        at = logEnd + 1;
      } else if (holds(bytes, at, STREAM)) {
        field = SEEN.stream;
        at += STREAM.length;
        stderr = holds(bytes, at, ERR);
        if (!stderr && !holds(bytes, at, OUT)) return undefined;
        at += OUT.length;
      } else if (holds(bytes, at, LOGTAG)) {
        field = SEEN.logtag;
        at += LOGTAG.length;
        if (bytes[at] === 0x46) part = 'F';
        else if (bytes[at] === 0x50) part = 'P';
        else return undefined;
        if (bytes[at + 1] !== QUOTE) return undefined;
        at += 2;
      } else if (holds(bytes, at, KUBERNETES)) {
        field = SEEN.kubernetes;
        at += KUBERNETES.length;
        if (bytes[at] !== 0x7b) return undefined;
        const close = endOfObject(bytes, at, end);
        if (Number.isNaN(close)) return undefined;
        at = close + 1;
      } else if (holds(bytes, at, ORDER_TIME) && this.format === 'merged') {
        field = SEEN.orderTime;
        orderStart = at + ORDER_TIME.length;
        orderEnd = endOfString(bytes, orderStart, end);
        if (!(orderEnd >= 0)) return undefined;
        at = orderEnd + 1;
      } else if (holds(bytes, at, FLUENT_BIT_PARTIAL)) {
        field = SEEN.fluentBitPartial;
        const close = endOfString(bytes, at + FLUENT_BIT_PARTIAL.length, end);
        if (!(close >= 0)) return undefined;
        at = close + 1;
      } else return undefined;
      if ((seen & field) !== 0) return undefined;
      seen |= field;
    }
    if (bytes[at] !== CLOSE || at !== end - 1) return undefined;
    const parsed = this.format === 'merged' || (seen & SEEN.stream) !== 0;
    // Without `log` the record is a usual one all the same: Fluent Bit leaves an empty message out.
    const timed = this.times.read(bytes, timeStart, timeEnd);
    if (!timed && orderEnd === 0) return undefined;
    if (!parsed) this.odd.oddFields++;
    const seconds = timed ? this.times.seconds : NaN;
    const nanos = timed ? this.times.nanos : 0;
    const ordered = orderEnd > 0 && this.orderTimes.read(bytes, orderStart, orderEnd);
    const ownOrder = parsed ? seconds : NaN;
    return {
      bytes,
      timeStart,
      timeEnd,
      timeBytes: bytes,
      logStart,
      logEnd,
      escaped,
      stderr,
      part,
      parsed,
      seconds,
      nanos,
      orderSeconds: ordered ? this.orderTimes.seconds : ownOrder,
      orderNanos: ordered ? this.orderTimes.nanos : nanos,
    };
  }
}
