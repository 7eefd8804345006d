import { compareInstants, type Instant } from '@cordwood/log-record';
import type { MessageMark } from './messages.ts';

/**
 * The mark as a token for clients (cursor, `Last-Event-ID`): opaque, fit for a URL, and some 100 characters long for container ids as they are.
 * {@link parseMark} is its inverse.
 */
export function formatMark({ namespace, containerId, time, hash, nth, findFrom, unjoined }: MessageMark): string {
  const isHex = HEX.test(containerId);
  const isSame = compareInstants(time, findFrom) === 0;
  const flags =
    (namespace === undefined ? 0 : NAMESPACE) |
    (isHex ? HEX_ID : 0) |
    (isSame ? 0 : FIND_FROM) |
    (unjoined?.includes('stdout') === true ? STDOUT : 0) |
    (unjoined?.includes('stderr') === true ? STDERR : 0);
  const numbers = Buffer.alloc(2 + INSTANT + 7 + 6);
  numbers.writeUInt8(VERSION, 0);
  numbers.writeUInt8(flags, 1);
  writeInstant(numbers, 2, time);
  numbers.writeUInt8(Math.floor(hash / 2 ** 48), 2 + INSTANT);
  numbers.writeUIntBE(hash % 2 ** 48, 3 + INSTANT, 6);
  numbers.writeUIntBE(nth, 9 + INSTANT, 6);
  const from = Buffer.alloc(isSame ? 0 : INSTANT);
  if (!isSame) writeInstant(from, 0, findFrom);
  const name = Buffer.from(namespace ?? '');
  const length = Buffer.of(name.length >> 8, name.length & 0xff);
  return Buffer.concat([
    numbers,
    from,
    ...(namespace === undefined ? [] : [length, name]),
    Buffer.from(containerId, isHex ? 'hex' : 'utf8'),
  ]).toString('base64url');
}

/** The mark that a token stands for; undefined when {@link formatMark} never gave it. */
export function parseMark(token: string): MessageMark | undefined {
  if (token.length > LONGEST) return undefined;
  const mark = decode(Buffer.from(token, 'base64url'));
  return mark !== undefined && formatMark(mark) === token ? mark : undefined;
}

const VERSION = 1;
/** Flags: what the token holds. */
const NAMESPACE = 1;
const HEX_ID = 2;
const FIND_FROM = 4;
const STDOUT = 8;
const STDERR = 16;
/** Bytes of an instant. */
const INSTANT = 10;
/** A container id and a namespace fit in a key of 1,024 bytes. */
const LONGEST = 2048;
/** The years 0 to 9999, in seconds since 1970: what can be written as a time. */
const EARLIEST = -62_167_219_200;
const LATEST = 253_402_300_799;
/** As container ids are. */
const HEX = /^(?:[0-9a-f]{2})+$/;

function decode(bytes: Buffer): MessageMark | undefined {
  let at = 0;
  const take = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const head = take(2 + INSTANT + 7 + 6);
  if (head.length < 2 + INSTANT + 7 + 6 || head[0] !== VERSION) return undefined;
  const flags = head.readUInt8(1);
  const time = readInstant(head, 2);
  const hash = head.readUInt8(2 + INSTANT) * 2 ** 48 + head.readUIntBE(3 + INSTANT, 6);
  const nth = head.readUIntBE(9 + INSTANT, 6);
  const from = take((flags & FIND_FROM) === 0 ? 0 : INSTANT);
  const size = take((flags & NAMESPACE) === 0 ? 0 : 2);
  const name = take(size.length < 2 ? 0 : size.readUInt16BE());
  if (at > bytes.length || hash > Number.MAX_SAFE_INTEGER || nth < 1) return undefined;
  const findFrom = from.length === 0 ? time : readInstant(from, 0);
  if (time === undefined || findFrom === undefined) return undefined;
  const unjoined: ('stdout' | 'stderr')[] = [];
  if ((flags & STDOUT) !== 0) unjoined.push('stdout');
  if ((flags & STDERR) !== 0) unjoined.push('stderr');
  return {
    namespace: (flags & NAMESPACE) === 0 ? undefined : name.toString(),
    containerId: bytes.subarray(at).toString((flags & HEX_ID) === 0 ? 'utf8' : 'hex'),
    time,
    hash,
    nth,
    findFrom,
    ...(unjoined.length > 0 && { unjoined }),
  };
}

function writeInstant(target: Buffer, at: number, { seconds, nanos }: Instant): void {
  target.writeIntBE(seconds, at, 6);
  target.writeUInt32BE(nanos, at + 6);
}

function readInstant(source: Buffer, at: number): Instant | undefined {
  const nanos = source.readUInt32BE(at + 6);
  const seconds = source.readIntBE(at, 6);
  return nanos < 1e9 && seconds >= EARLIEST && seconds <= LATEST ? { seconds, nanos } : undefined;
}
