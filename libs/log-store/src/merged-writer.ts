import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  encodeMerged,
  formatTime,
  type Instant,
  isTimed,
  type LogRecord,
  maxMergedLength,
  orderTime,
  parseTime,
  type Part,
} from '@cordwood/log-record';
import type { LastRaw, LogFile } from '@cordwood/pod-metadata';
import { formatMergedKey, formatMinute } from '@cordwood/s3-key-format';
import { DamagedGzipError } from './decompress.ts';
import { mergedText } from './merged-file.ts';
import type { ObjectStore } from './object-store.ts';

/** zlib's level for merged files: a fifth faster than 5, for a twentieth more bytes (`npm run bench` compares them). */
const GZIP_LEVEL = 4;
/** Merged files up to this size are always taken into the next one: a request costs as much as rewriting them. */
const ALWAYS_REWRITTEN = 256 * 1024;
/** Files that are compressed and stored while the next one is filled. */
const IN_FLIGHT = 2;

const compress = promisify(gzip);

export interface MergedWriterOptions {
  readonly store: ObjectStore;
  readonly pod: string;
  readonly namespace: string;
  readonly container: string;
  readonly containerId: string;
  /** The run that the files belong to. */
  readonly run: number;
  /** Merged files that end the run so far, in order. */
  readonly tail: readonly LogFile[];
  /** Whether the end of the tail may be taken into the new files. */
  readonly rewriteTail: boolean;
  /** Most uncompressed bytes of a file, unless one record alone is larger. */
  readonly limit: number;
  /** Decimal digits that no other file has or will have, for the key. */
  readonly uniqueIndex: () => string;
  readonly signal?: AbortSignal | undefined;
}

/** What a writer has stored. None of it counts before the metadata is committed. */
export interface WrittenFiles {
  readonly written: readonly LogFile[];
  /** Keys of the files of the tail whose records now stand in the new ones. */
  readonly replaced: readonly string[];
}

/** A file being filled. */
interface Draft {
  bytes: Buffer;
  size: number;
  count: number;
  first: Instant | undefined;
  last: Instant | undefined;
  firstOrder: Instant | undefined;
  lastOrder: Instant | undefined;
  opensInside: readonly Stream[];
}

type Stream = 'stdout' | 'stderr';

/**
 * Writes the records of one run of a container instance to merged files. Memory is bounded by a few files of `limit` bytes, and
 * compression runs beside the decoding of what comes next.
 */
export class MergedWriter {
  private readonly options: MergedWriterOptions;
  private draft: Draft;
  private readonly uploads: Promise<LogFile>[] = [];
  /** A buffer of full size that is free again: fresh ones would be most of what a worker allocates. */
  private spare: Buffer | undefined;
  private readonly inside = new Set<Stream>();
  /** Streams of each raw file whose last record is known to have ended a line. */
  private readonly sure = new WeakMap<object, Set<Stream>>();

  constructor(options: MergedWriterOptions) {
    this.options = options;
    for (const stream of options.tail.at(-1)?.ends_inside ?? []) this.inside.add(stream);
    this.draft = this.newDraft();
  }

  /** Appends records of one source. */
  async write(source: object, records: readonly LogRecord[]): Promise<void> {
    for (const record of records) {
      if (this.draft.count > 0 && this.draft.size + maxMergedLength(record) > this.options.limit) await this.rotate();
      this.append(record, this.partToKeep(source, record));
    }
  }

  /** Stores what is left and waits for all files. `lastRaw`: the raw files that the next one will be compared with. */
  async finish(lastRaw: LastRaw): Promise<WrittenFiles> {
    const mayRewrite = this.options.rewriteTail && this.uploads.length === 0 && this.draft.count > 0;
    const replaced = mayRewrite ? await this.takeTail() : [];
    if (this.draft.count > 0) await this.rotate();
    const written = await Promise.all(this.uploads);
    const last = written.at(-1);
    if (last !== undefined) last.last_raw = lastRaw;
    return { written, replaced };
  }

  /**
   * Prepends the end of the tail to the draft, as far as that fits and pays: a file is rewritten only together with at least as
   * many new bytes, so no byte is rewritten more than a few times, and small files do not pile up.
   */
  private async takeTail(): Promise<string[]> {
    const taken: LogFile[] = [];
    let size = this.draft.size;
    for (const file of this.options.tail.toReversed()) {
      const fits = size + file.size <= this.options.limit && file.size <= Math.max(size, ALWAYS_REWRITTEN);
      // The reference's files keep their place: what they hold beside the records is not known.
      if (!fits || file.namespace === undefined) break;
      taken.unshift(file);
      size += file.size;
    }
    const first = taken[0];
    if (first === undefined) return [];

    const texts: Uint8Array[] = [];
    try {
      for (const file of taken)
        for await (const chunk of mergedText(this.options.store, file, this.options.signal)) texts.push(chunk);
    } catch (error) {
      // Reading reports it; it stays where it is.
      if (error instanceof DamagedGzipError) return [];
      throw error;
    }
    const old = Buffer.concat(texts);
    if (old.length !== size - this.draft.size) return [];
    this.draft = {
      ...this.draft,
      bytes: Buffer.concat([old, this.draft.bytes.subarray(0, this.draft.size)]),
      size,
      count: this.draft.count + taken.reduce((sum, file) => sum + file.records_count, 0),
      first: pick([this.draft.first, ...taken.map((file) => parseTime(file.first_record_time))], -1),
      last: pick([this.draft.last, ...taken.map((file) => parseTime(file.last_record_time))], 1),
      firstOrder: parseTime(first.order_time ?? first.first_record_time),
      opensInside: first.opens_inside ?? [],
    };
    return taken.map((file) => file.key);
  }

  /**
   * The part to write down. `P` always; `F` only where it may close a line: joining is the reader's, and a whole line needs no mark.
   * What came before a raw file's first record of a stream is not known here (it may arrive late), so its `F` is kept.
   */
  private partToKeep(source: object, record: LogRecord): Part {
    if (record.part === '') return '';
    const stream = record.stderr ? 'stderr' : 'stdout';
    let sure = this.sure.get(source);
    if (sure === undefined) this.sure.set(source, (sure = new Set()));
    const keep = record.part === 'P' || !sure.has(stream);
    if (record.part === 'P') {
      sure.delete(stream);
      this.inside.add(stream);
    } else {
      sure.add(stream);
      this.inside.delete(stream);
    }
    return keep ? record.part : '';
  }

  private append(record: LogRecord, part: Part): void {
    const { draft } = this;
    const { limit } = this.options;
    const needed = draft.size + maxMergedLength(record);
    if (needed > draft.bytes.length) {
      const size = Math.max(needed, Math.min(draft.bytes.length * 4, limit));
      const grown = size === limit && this.spare ? this.spare : Buffer.allocUnsafe(size);
      if (grown === this.spare) this.spare = undefined;
      draft.bytes.copy(grown, 0, 0, draft.size);
      draft.bytes = grown;
    }
    draft.size = encodeMerged(record, part, draft.bytes, draft.size);
    draft.count++;
    const { first, last } = draft;
    const seconds = isTimed(record) ? record.seconds : record.orderSeconds;
    const nanos = isTimed(record) ? record.nanos : record.orderNanos;
    if (first === undefined || seconds < first.seconds || (seconds === first.seconds && nanos < first.nanos)) {
      draft.first = { seconds, nanos };
    }
    if (last === undefined || seconds > last.seconds || (seconds === last.seconds && nanos > last.nanos)) {
      draft.last = { seconds, nanos };
    }
    draft.firstOrder ??= orderTime(record);
    draft.lastOrder = orderTime(record);
  }

  private async rotate(): Promise<void> {
    const upload = this.store(this.draft, [...this.inside]);
    // Awaited in finish(); until then a failure must not count as unhandled.
    upload.catch(() => undefined);
    this.uploads.push(upload);
    this.draft = this.newDraft();
    await this.uploads.at(-IN_FLIGHT);
  }

  private newDraft(): Draft {
    return {
      bytes: Buffer.allocUnsafe(64 * 1024),
      size: 0,
      count: 0,
      first: undefined,
      last: undefined,
      firstOrder: undefined,
      lastOrder: undefined,
      opensInside: [...this.inside],
    };
  }

  private async store(draft: Draft, endsInside: readonly Stream[]): Promise<LogFile> {
    const { store, pod, namespace, container, containerId, run, signal, uniqueIndex } = this.options;
    const body = await compress(draft.bytes.subarray(0, draft.size), {
      level: GZIP_LEVEL,
      memLevel: 9,
      // Output comes in pieces of this size, and logs shrink to a fifth or so.
      chunkSize: Math.max(16 * 1024, Math.ceil(draft.size / 8)),
    });
    this.spare = draft.bytes.length === this.options.limit ? draft.bytes : undefined;
    const date = formatMinute(store.now() / 1000);
    const key = formatMergedKey({ writer: 'cordwood', pod, containerId, date, index: uniqueIndex() });
    const first = draft.first ?? { seconds: 0, nanos: 0 };
    const last = draft.last ?? first;
    const file: LogFile = {
      key,
      records_count: draft.count,
      size: draft.size,
      first_record_time: formatMicros(first),
      last_record_time: formatMicros({ ...last, nanos: Math.ceil(last.nanos / 1000) * 1000 }),
      order_time: formatTime(draft.firstOrder ?? first),
      end_order_time: formatTime(draft.lastOrder ?? last),
      namespace,
      container,
      container_id: containerId,
      stored_size: body.length,
      ...(draft.opensInside.length > 0 && { opens_inside: [...draft.opensInside] }),
      ...(endsInside.length > 0 && { ends_inside: [...endsInside] }),
      ...(run > 0 && { run }),
    };
    const { etag } = await store.put(key, body, {
      contentType: 'application/x-gzip',
      metadata: userMetadata(file),
      ...(signal && { signal }),
    });
    return { ...file, etag };
  }
}

/** What the object itself says, so that pod metadata can be rebuilt from a listing. */
const userMetadata = (file: LogFile): Record<string, string> => ({
  namespace: file.namespace ?? '',
  container: file.container ?? '',
  'records-count': file.records_count.toString(),
  size: file.size.toString(),
  'first-record-time': file.first_record_time,
  'last-record-time': file.last_record_time,
  'order-time': file.order_time ?? '',
  'end-order-time': file.end_order_time ?? '',
  run: (file.run ?? 0).toString(),
});

/** As the reference spells times: microseconds (the rest is cut), `+00:00`. */
function formatMicros({ seconds, nanos }: Instant): string {
  const carry = nanos >= 1e9 ? 1 : 0;
  return `${formatTime({ seconds: seconds + carry, nanos: nanos - carry * 1e9 }).slice(0, -4)}+00:00`;
}

/** The earliest (`sign` -1) or latest (1) of the instants. */
const pick = (instants: readonly (Instant | undefined)[], sign: -1 | 1): Instant | undefined =>
  instants
    .filter((instant) => instant !== undefined)
    .reduce((best, instant) =>
      sign * (instant.seconds - best.seconds || instant.nanos - best.nanos) > 0 ? instant : best,
    );
