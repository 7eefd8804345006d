/** Records, keys and collecting for the specs of this library. */
import { isUtf8 } from 'node:buffer';
import { formatTime, LineDecoder, type LogRecord, type Part, writeMessage } from '@cordwood/log-record';
import { formatRawKey, parseRawKey, type RawKey } from '@cordwood/s3-key-format';

/** 2026-11-20T10:00:00Z in seconds: times in specs are seconds after it. */
export const BASE = 1_795_168_800;
export const WINDOW = 10_000;
export const CONTAINER_ID = '92112d194fb48e40c4fd840bb870f2be67bd9ac8619ede563c062544b4c12ecb';

export interface Line {
  readonly at: number;
  readonly log: string;
  readonly stderr?: boolean;
  readonly part?: Part;
}

export const timeAt = (at: number): string =>
  formatTime({ seconds: BASE + Math.floor(at), nanos: Math.round((at - Math.floor(at)) * 1e9) });

/** The lines as Fluent Bit would store them. */
export const rawText = (lines: readonly Line[]): string =>
  lines
    .map(({ at, log, stderr = false, part = 'F' }) => {
      const record = {
        time: timeAt(at),
        stream: stderr ? 'stderr' : 'stdout',
        ...(part !== '' && { logtag: part }),
        log,
      };
      return `${JSON.stringify(record)}\n`;
    })
    .join('');

export const recordsOf = (lines: readonly Line[]): LogRecord[] =>
  new LineDecoder('raw', isUtf8).decodeBlock(Buffer.from(rawText(lines)));

export function messageOf(record: LogRecord): string {
  const target = Buffer.alloc(record.logEnd - record.logStart);
  return target.toString('utf8', 0, writeMessage(record, target, 0));
}

export const rawKey = (date: string, index: number | string, container: Partial<RawKey> = {}): string =>
  formatRawKey({
    pod: 'job-a',
    namespace: 'team',
    container: 'main',
    containerId: CONTAINER_ID,
    logSuffix: true,
    separator: '__',
    ...container,
    date,
    index: index.toString(),
  });

export function parsedKey(key: string): RawKey {
  const parsed = parseRawKey(key);
  if (!parsed.ok) throw new Error(`${key}: ${parsed.problem}`);
  return parsed.key;
}

export async function collect<T>(generator: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of generator) all.push(one);
  return all;
}

/** `bytes` cut at these places, taken modulo their number. */
export function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

export async function* from<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}
