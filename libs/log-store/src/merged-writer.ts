import {
  type EndedStreams,
  formatTime,
  type Instant,
  type LogRecord,
  maxMergedLength,
  parseTime,
  type Part,
  type PlainMerged,
  plainMerged,
  type PlainRange,
} from '@cordwood/log-record';
import type { LastRaw, LogFile } from '@cordwood/pod-metadata';
import { formatMergedKey, formatMinute } from '@cordwood/s3-key-format';
import { CompressedText, gzipMember } from './compressed-text.ts';
import { DamagedGzipError } from './decompress.ts';
import { entryTimes } from './entry-times.ts';
import { earliestOf, endOrderOf, firstOrderOf, latestOf } from './instances.ts';
import { MergedDraft, type RecordsOfFile, type Stream } from './merged-draft.ts';
import { mergedText } from './merged-file.ts';
import { userMetadata } from './merged-object.ts';
import { planTail } from './merging-policy.ts';
import type { ObjectStore } from './object-store.ts';

/** Plain lines are appended where there is room for so many bytes of them, or all: with less, they would come in many little pieces. */
const ROOM = 16 * 1024;
/** Bytes by which a few merged lines may be longer than the raw ones; where more lines are, not all are taken at once. */
const GROWTH = 128;

/** Files that are stored while the next one is filled. */
const IN_FLIGHT = 2;

export interface MergedWriterOptions {
  readonly store: ObjectStore;
  readonly pod: string;
  readonly namespace: string;
  readonly container: string;
  readonly containerId: string;
  /** The run that the files belong to. */
  readonly run: number;
  /** The run's merged files so far, in order. */
  readonly tail: readonly LogFile[];
  /** All merged files of the container instance so far. */
  readonly known: readonly LogFile[];
  /** What all files of one merge share, and no others do: a few characters of ASCII. */
  readonly merge: string;
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

/** A file that is to be stored. */
interface FilledFile {
  /** What it holds, one after the other. */
  readonly contents: readonly RecordsOfFile[];
  /** How many records the run has before it. */
  readonly position: number;
  /** Streams in which its last record leaves a line open. */
  readonly endsInside: readonly Stream[];
  /** For the last file of a run. */
  readonly lastRaw?: LastRaw | undefined;
}

/**
 * Writes the records of one run of a container instance to merged files. They are compressed while they are written, so memory is bounded by a
 * few compressed files.
 */
export class MergedWriter {
  private readonly options: MergedWriterOptions;
  private draft: MergedDraft;
  private readonly uploads: Promise<LogFile>[] = [];
  private readonly inside = new Set<Stream>();
  /** Files of the tail whose records stand in the new files. */
  private taken: readonly LogFile[] = [];
  /** How many records the run has before the draft. */
  private position: number;
  /** For each raw file. */
  private readonly ended = new WeakMap<object, EndedStreams>();

  constructor(options: MergedWriterOptions) {
    this.options = options;
    for (const stream of options.tail.at(-1)?.ends_inside ?? []) this.inside.add(stream);
    this.position = records(options.tail);
    this.draft = new MergedDraft([...this.inside]);
  }

  /** Appends records of one source. */
  async write(source: object, records: readonly LogRecord[]): Promise<void> {
    const { limit } = this.options;
    const ended = this.endedOf(source);
    for (const record of records) {
      const most = maxMergedLength(record);
      if (this.draft.count > 0 && this.draft.text.size + most > limit) await this.rotate();
      if (!this.draft.text.hasRoom(most)) await this.draft.text.makeRoom(most);
      this.draft.append(record, this.partToKeep(ended, record));
    }
  }

  /** Appends plain lines from the beginning of a block of a raw file, without records of them; undefined: none. */
  async take(source: object, block: Uint8Array, range: PlainRange): Promise<PlainMerged | undefined> {
    // Whether a line in parts ends is told by records.
    if (this.inside.size > 0) return undefined;
    const { text } = this.draft;
    const size = block.length + GROWTH;
    if (!text.hasRoom(Math.min(size, ROOM))) await text.makeRoom(Math.min(size, ROOM));
    const room = Math.min(text.bytes.length - text.end, this.options.limit - text.size);
    const lines = plainMerged(block, range, this.endedOf(source), room);
    if (lines === undefined) return undefined;
    this.ended.set(source, lines.ended);
    this.draft.appendPlain(lines);
    return lines;
  }

  /** Stores what is left and waits for all files. `lastRaw`: the raw files that the next one will be compared with. */
  async finish(lastRaw: LastRaw): Promise<WrittenFiles> {
    if (this.draft.count > 0) await this.rotate(lastRaw);
    return { written: await Promise.all(this.uploads), replaced: this.taken.map((file) => file.key) };
  }

  private endedOf(source: object): EndedStreams {
    let ended = this.ended.get(source);
    if (ended === undefined) this.ended.set(source, (ended = { stdout: false, stderr: false }));
    return ended;
  }

  /**
   * Takes the end of the tail into the new files, as far as that pays: gives what the draft's file is to begin with, or stores it by itself
   * before that.
   */
  private async rewriteTail(): Promise<RecordsOfFile | undefined> {
    const { tail, limit } = this.options;
    // The reference's files keep their place: what they hold beside the records is not known.
    const own = tail.slice(tail.findLastIndex((file) => file.namespace === undefined) + 1);
    const plan = planTail(
      own.map((file) => file.size),
      this.draft.text.size,
      limit,
    );
    const taken = own.slice(own.length - plan.files);
    const old = plan.files > 0 ? await this.recordsOf(taken) : undefined;
    if (old === undefined) return undefined;
    this.taken = taken;
    const position = this.position - old.count;
    if (plan.apart) {
      this.upload({ contents: [old], position, endsInside: taken.at(-1)?.ends_inside ?? [] });
      return undefined;
    }
    this.position = position;
    return old;
  }

  /** What merged files hold, one after the other; undefined when one of them is damaged: reading reports it, it stays where it is. */
  private async recordsOf(files: readonly LogFile[]): Promise<RecordsOfFile | undefined> {
    const text = new CompressedText();
    try {
      for (const file of files)
        for await (const chunk of mergedText(this.options.store, file, this.options.signal)) await text.add(chunk);
    } catch (error) {
      if (error instanceof DamagedGzipError) return undefined;
      throw error;
    }
    if (text.size !== files.reduce((sum, file) => sum + file.size, 0)) return undefined;
    const [first, last] = [files[0], files.at(-1)];
    return {
      text,
      count: records(files),
      first: earliestOf(files.map((file) => parseTime(file.first_record_time))),
      last: latestOf(files.map((file) => parseTime(file.last_record_time))),
      firstOrder: first && firstOrderOf(first),
      lastOrder: last && endOrderOf(last),
      opensInside: first?.opens_inside ?? [],
    };
  }

  /**
   * The part to write down. `P` always; `F` only where it may close a line: joining is the reader's, and a whole line needs no mark.
   * What came before a raw file's first record of a stream is not known here (it may arrive late), so its `F` is kept.
   */
  private partToKeep(ended: EndedStreams, record: LogRecord): Part {
    if (record.part === '') return '';
    const stream = record.stderr ? 'stderr' : 'stdout';
    if (record.part === 'P') {
      ended[stream] = false;
      this.inside.add(stream);
      return 'P';
    }
    const keep = !ended[stream];
    ended[stream] = true;
    if (this.inside.size > 0) this.inside.delete(stream);
    return keep ? 'F' : '';
  }

  /**
   * Stores the draft and begins the next one. `lastRaw`: for the last file. A file is never full before the record that begins the next one
   * comes, so the last has records.
   */
  private async rotate(lastRaw?: LastRaw): Promise<void> {
    const { draft } = this;
    const old = this.uploads.length === 0 && this.options.rewriteTail ? await this.rewriteTail() : undefined;
    const contents = old === undefined ? [draft] : [old, draft];
    const endsInside = [...this.inside];
    this.upload({ contents, position: this.position, endsInside, lastRaw });
    this.position += countOf(contents);
    this.draft = new MergedDraft(endsInside);
    await this.uploads.at(-IN_FLIGHT);
  }

  /** Begins to store a file. */
  private upload(file: FilledFile): void {
    const upload = this.store(file, this.uploads.length);
    // Awaited in finish(); until then a failure must not count as unhandled.
    upload.catch(() => undefined);
    this.uploads.push(upload);
  }

  /** `part`: its place among the files of this writer. */
  private async store(filled: FilledFile, part: number): Promise<LogFile> {
    const { store, pod, containerId, merge, known, signal, uniqueIndex } = this.options;
    const basedOn = known.filter((file) => !this.taken.includes(file));
    const body = gzipMember(await Promise.all(filled.contents.map(async ({ text }) => text.finish())));
    const date = formatMinute(store.now() / 1000);
    const key = formatMergedKey({ writer: 'cordwood', pod, containerId, date, index: uniqueIndex() });
    const file = { ...this.entryOf(key, filled), stored_size: body.length };
    const { etag } = await store.put(key, body, {
      contentType: 'application/x-gzip',
      metadata: userMetadata(file, { merge, part, position: filled.position, basedOn }),
      ...(signal && { signal }),
    });
    return { ...file, etag };
  }

  /** The file's entry, but for what is known when it is stored. */
  private entryOf(key: string, { contents, endsInside, lastRaw }: FilledFile): LogFile {
    const { namespace, container, containerId, run } = this.options;
    const first = earliestOf(contents.map((records) => records.first)) ?? NO_TIME;
    const last = latestOf(contents.map((records) => records.last)) ?? first;
    const opensInside = contents[0]?.opensInside ?? [];
    return {
      key,
      records_count: countOf(contents),
      size: contents.reduce((sum, { text }) => sum + text.size, 0),
      ...entryTimes(first, last),
      order_time: formatTime(contents[0]?.firstOrder ?? first),
      end_order_time: formatTime(contents.at(-1)?.lastOrder ?? last),
      namespace,
      container,
      container_id: containerId,
      ...(opensInside.length > 0 && { opens_inside: [...opensInside] }),
      ...(endsInside.length > 0 && { ends_inside: [...endsInside] }),
      ...(run > 0 && { run }),
      ...(lastRaw && { last_raw: lastRaw }),
    };
  }
}

const NO_TIME: Instant = { seconds: 0, nanos: 0 };

const records = (files: readonly LogFile[]): number => files.reduce((sum, file) => sum + file.records_count, 0);
const countOf = (contents: readonly RecordsOfFile[]): number => contents.reduce((sum, { count }) => sum + count, 0);
