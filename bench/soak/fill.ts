import { formatMinute, formatRawKey } from '@cordwood/s3-key-format';
import type { ObjectStore } from '@cordwood/log-store';

/** Where the made-up log begins, in ms since 1970. */
const START = Date.UTC(2026, 9, 1);
const CONTAINER_ID = 'c0ffee'.repeat(10).padEnd(64, '0');
const LINES_PER_PIECE = 10_000;
/** Uploads at the same time. */
const LANES = 4;

export interface RawFileShape {
  readonly pod: string;
  readonly index: number;
  readonly bytes: number;
  /** Where its records begin, in ms since 1970, and how far apart they are. */
  readonly startMs: number;
  readonly stepMs: number;
}

/** The raw file with lines of a service's log, some 200 bytes each, no two the same. */
export function rawFile({ pod, index, bytes, startMs, stepMs }: RawFileShape): { key: string; body: Buffer } {
  const pieces: Buffer[] = [];
  let lines: string[] = [];
  let size = 0;
  for (let line = 0; size < bytes; line++) {
    const ms = startMs + Math.floor(line * stepMs);
    const time = `${new Date(ms).toISOString().slice(0, -1)}${(line % 1_000_000).toString().padStart(6, '0')}Z`;
    const log = `INFO [worker-${(line % 64).toString()}] request id=${index.toString(36)}-${line.toString(36)} took ${((line * 7919) % 2000).toString()} ms, session user cache lease bucket gradient shard trace`;
    const text = `{"time":"${time}","stream":"stdout","logtag":"F","log":"${log}"}\n`;
    lines.push(text);
    size += text.length;
    // A string cannot hold a gigabyte.
    if (lines.length === LINES_PER_PIECE) {
      pieces.push(Buffer.from(lines.join('')));
      lines = [];
    }
  }
  const key = formatRawKey({
    pod,
    namespace: 'platform-jobs',
    container: pod,
    containerId: CONTAINER_ID,
    date: formatMinute(Math.floor(startMs / 60_000) * 60),
    index: index.toString(),
    logSuffix: true,
    separator: '__',
  });
  return { key, body: Buffer.concat([...pieces, Buffer.from(lines.join(''))]) };
}

/** `files` raw files of a pod, a minute each. */
export function* minutes(pod: string, files: number, bytes: number): Generator<RawFileShape> {
  const stepMs = 60_000 / Math.max(1, bytes / 190);
  for (let index = 0; index < files; index++) yield { pod, index, bytes, startMs: START + index * 60_000, stepMs };
}

/** Stores the files, some at a time; gives their bytes in all. */
export async function fill(store: ObjectStore, shapes: Iterable<RawFileShape>): Promise<number> {
  const rest = shapes[Symbol.iterator]();
  let bytes = 0;
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      const { key, body } = rawFile(next.value);
      await store.put(key, body);
      bytes += body.length;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return bytes;
}
