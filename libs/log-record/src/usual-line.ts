import { endOfObject, endOfString } from './json-bytes.ts';
import type { LineFormat } from './line-format.ts';
import type { Part } from './record.ts';
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
 * Takes lines of the usual form apart, straight from their bytes: `time` first, then strings of known names in any order, each at most
 * once, and the `kubernetes` map, which is skipped. After a {@link scan} that gave true, the fields tell of that line what a `LogRecord`
 * tells; nothing is made for it.
 */
export class UsualLine {
  timeStart = 0;
  timeEnd = 0;
  logStart = 0;
  logEnd = 0;
  escaped = false;
  stderr = false;
  part: Part = '';
  parsed = false;
  /** Whether `time` is an instant. Without, the line is a usual one only if it has an ordering time. */
  timed = false;
  /** Whether it has an ordering time beside its time. */
  ownOrder = false;
  /** The time and that ordering time, where there are any. */
  readonly times = new TimeReader();
  readonly orderTimes = new TimeReader();
  private readonly format: LineFormat;
  /** The `kubernetes` map of the last line that had another than the one before it. */
  private map = Buffer.alloc(0);

  constructor(format: LineFormat) {
    this.format = format;
  }

  /** Whether the bytes from `start` to `end` (exclusive, without the newline), which are valid UTF-8, are a line of the usual form. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    if (!holds(bytes, start, OPENING)) return false;
    const timeStart = start + OPENING.length;
    const timeEnd = endOfString(bytes, timeStart, end);
    if (!(timeEnd >= 0)) return false;

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
        if (Number.isNaN(close)) return false;
        escaped = close < 0;
        logEnd = escaped ? -close - 1 : close;
        at = logEnd + 1;
      } else if (holds(bytes, at, STREAM)) {
        field = SEEN.stream;
        at += STREAM.length;
        stderr = holds(bytes, at, ERR);
        if (!stderr && !holds(bytes, at, OUT)) return false;
        at += OUT.length;
      } else if (holds(bytes, at, LOGTAG)) {
        field = SEEN.logtag;
        at += LOGTAG.length;
        if (bytes[at] === 0x46) part = 'F';
        else if (bytes[at] === 0x50) part = 'P';
        else return false;
        if (bytes[at + 1] !== QUOTE) return false;
        at += 2;
      } else if (holds(bytes, at, KUBERNETES)) {
        field = SEEN.kubernetes;
        at += KUBERNETES.length;
        if (bytes[at] !== 0x7b) return false;
        const close = this.endOfMap(bytes, at, end);
        if (Number.isNaN(close)) return false;
        at = close + 1;
      } else if (holds(bytes, at, ORDER_TIME) && this.format === 'merged') {
        field = SEEN.orderTime;
        orderStart = at + ORDER_TIME.length;
        orderEnd = endOfString(bytes, orderStart, end);
        if (!(orderEnd >= 0)) return false;
        at = orderEnd + 1;
      } else if (holds(bytes, at, FLUENT_BIT_PARTIAL)) {
        field = SEEN.fluentBitPartial;
        const close = endOfString(bytes, at + FLUENT_BIT_PARTIAL.length, end);
        if (!(close >= 0)) return false;
        at = close + 1;
      } else return false;
      if ((seen & field) !== 0) return false;
      seen |= field;
    }
    if (bytes[at] !== CLOSE || at !== end - 1) return false;
    // Without `log` the line is a usual one all the same: Fluent Bit leaves an empty message out.
    this.timed = this.times.read(bytes, timeStart, timeEnd);
    if (!this.timed && orderEnd === 0) return false;
    this.ownOrder = orderEnd > 0 && this.orderTimes.read(bytes, orderStart, orderEnd);
    this.parsed = this.format === 'merged' || (seen & SEEN.stream) !== 0;
    this.timeStart = timeStart;
    this.timeEnd = timeEnd;
    this.logStart = logStart;
    this.logEnd = logEnd;
    this.escaped = escaped;
    this.stderr = stderr;
    this.part = part;
    return true;
  }

  /**
   * As endOfObject. A file's records mostly have the same map to the byte, and to compare it whole takes a fraction of the time of going through it.
   */
  private endOfMap(bytes: Uint8Array, from: number, end: number): number {
    const { map } = this;
    const to = from + map.length;
    if (map.length > 0 && to <= end && map.compare(bytes, from, to) === 0) return to - 1;
    const close = endOfObject(bytes, from, end);
    if (!Number.isNaN(close)) this.map = Buffer.from(bytes.subarray(from, close + 1));
    return close;
  }
}
