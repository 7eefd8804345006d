import { formatTime, type LogRecord, maxMessageLength, recordTime, writeMessage } from '@cordwood/log-record';

const NEWLINE = 0x0a;
const BLANK = 0x20;
/** `2026-11-20T10:00:00.000000001+00:00 ` */
const MAX_TIME = 40;

/** Messages as a kubelet prints them: a line each, with the time before it where that is wanted. */
export function kubeletLines(messages: readonly LogRecord[], timestamps: boolean): Uint8Array {
  const most = messages.reduce((sum, message) => sum + maxMessageLength(message) + 1, 0);
  const text = Buffer.allocUnsafe(most + (timestamps ? messages.length * MAX_TIME : 0));
  let at = 0;
  for (const message of messages) {
    if (timestamps) {
      at += text.write(kubeletTime(message), at, 'latin1');
      text[at++] = BLANK;
    }
    const from = at;
    at = writeMessage(message, text, at);
    if (at === from || text[at - 1] !== NEWLINE) text[at++] = NEWLINE;
  }
  return text.subarray(0, at);
}

const TIME = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-]\d\d):?(\d\d))?$/;

/** RFC 3339 with nine digits of a second, in the zone that it was written in. A record whose time is none has that of its place. */
function kubeletTime(message: LogRecord): string {
  const { timeBytes, timeStart, timeEnd } = message;
  const written = Buffer.from(timeBytes.buffer, timeBytes.byteOffset + timeStart, timeEnd - timeStart);
  const [, date, time, fraction = '', hours, minutes] = TIME.exec(written.toString('latin1')) ?? [];
  if (date === undefined || Number.isNaN(message.seconds)) {
    const { seconds, nanos } = recordTime(message);
    return `${formatTime({ seconds, nanos: 0 }).slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`;
  }
  const zone = hours === undefined || (hours.endsWith('00') && minutes === '00') ? 'Z' : `${hours}:${minutes ?? ''}`;
  return `${date}T${time ?? ''}.${fraction.slice(0, 9).padEnd(9, '0')}${zone}`;
}

/** The first so many bytes. What comes after them is not asked for. */
export async function* limited(chunks: AsyncGenerator<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of chunks) {
    yield chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= chunk.length;
    if (left <= 0) return;
  }
}
