import { isUtf8 } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import {
  type Instant,
  isMisdated,
  isOrdered,
  LineBlocks,
  LineDecoder,
  type LogRecord,
  type OddLines,
  orderTime,
  RawSequencer,
} from '@cordwood/log-record';
import { parseMinute, type RawKey } from '@cordwood/s3-key-format';
import { DamagedGzipError, decompressed, decompressedHead, isGzip } from './decompress.ts';
import type { ObjectBody, ObjectInfo, ObjectStore } from './object-store.ts';

/** A raw object of a listing, with its key taken apart. */
export interface RawObject extends ObjectInfo {
  readonly parsed: RawKey;
}

/** How much of a raw file is fetched to know where it belongs, and how much of its text is looked at. */
const HEAD_BYTES = 64 * 1024;
const HEAD_TEXT = 256 * 1024;
/** A first record further than this from the date in the key has a clock that tells nothing; no buffer is left over for so long. */
const CREDIBLE_SECONDS = 30 * 86_400;
/** Bytes of a kept object that are decoded in one go. */
const SLICE = 256 * 1024;
const NEWLINE = 0x0a;

export interface RawFileOptions {
  /** Objects of up to this many stored bytes are read once, and kept until they are used; larger ones are read twice. */
  readonly keepUpTo: number;
  /** Longest line that is kept, in bytes. */
  readonly maxRecord: number;
  /** REORDER_WINDOW, in ms. */
  readonly reorderWindow: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One version of a raw object: opened, its place in the order known, its records still to be read.
 */
export class RawFile {
  readonly key: string;
  readonly parsed: RawKey;
  /** Of the GET's answer, which may be newer than the listing: it is this version that is read. */
  readonly etag: string;
  readonly lastModified: number;
  readonly size: number;
  /** The ordering time of the first record; undefined when nothing at the file's start tells. */
  readonly order: Instant | undefined;
  /** Why a part of the object could not be used; known once its records have been read. */
  damage: string | undefined;
  private readonly body: ObjectBody;
  private kept: Uint8Array | undefined;
  private readonly store: ObjectStore;
  private readonly options: RawFileOptions;
  private readonly decoder = new LineDecoder('raw', isUtf8);

  private constructor(
    store: ObjectStore,
    object: RawObject,
    options: RawFileOptions,
    { body, head, whole }: { readonly body: ObjectBody; readonly head: Uint8Array; readonly whole: boolean },
  ) {
    this.store = store;
    this.options = options;
    this.body = body;
    this.key = object.key;
    this.parsed = object.parsed;
    this.etag = body.etag;
    this.lastModified = body.lastModified;
    this.size = object.size;
    this.kept = whole ? head : undefined;
    const order = firstOrder(head, this.keyMinute, options.reorderWindow);
    this.order = order !== undefined && Math.abs(order.seconds - this.keyMinute) < CREDIBLE_SECONDS ? order : undefined;
  }

  /** Reads the object's beginning, or all of it when it is small. Throws NotFoundError when it is gone. */
  static async open(store: ObjectStore, object: RawObject, options: RawFileOptions): Promise<RawFile> {
    const whole = object.size <= options.keepUpTo;
    const body = await store.get(object.key, {
      ...(!whole && { start: 0, end: HEAD_BYTES - 1 }),
      ...(options.signal && { signal: options.signal }),
    });
    return new RawFile(store, object, options, { body, head: await body.bytes(), whole });
  }

  /** The date in the key, in seconds since 1970. */
  private get keyMinute(): number {
    return parseMinute(this.parsed.date) ?? 0;
  }

  /** Whether the date in the key is not that of the first record: a buffer left over from a restart has the restart's. */
  get misdated(): boolean {
    return this.order !== undefined && isMisdated(this.order.seconds, this.keyMinute);
  }

  /** Lines that were not of the usual form, so far. */
  get odd(): OddLines {
    return this.decoder.odd;
  }

  /** The file's records in its order, with their times settled. To be called once. */
  async *records(): AsyncGenerator<LogRecord[]> {
    const lines = new LineBlocks(this.options.maxRecord);
    const sequencer = new RawSequencer(this.keyMinute, this.options.reorderWindow);
    const decode = (block: Uint8Array | undefined): LogRecord[] =>
      block === undefined ? [] : sequencer.push(this.decoder.decodeBlock(block));
    try {
      for await (const chunk of decompressed(() => this.bytes())) yield decode(lines.push(chunk));
    } catch (error) {
      if (!(error instanceof DamagedGzipError)) throw error;
      this.damage = `gzip: ${error.message}`;
    }
    // Where the object broke off in a line, what there is of it is no record; it is kept with the damaged object.
    if (this.damage === undefined) yield decode(lines.end());
    yield sequencer.end();
    if (lines.oversized > 0) this.damage ??= `${lines.oversized.toString()} lines longer than MAX_RECORD`;
    this.kept = undefined;
  }

  private async *bytes(): AsyncGenerator<Uint8Array> {
    const { kept } = this;
    if (kept !== undefined) {
      for (let at = 0; at < kept.length; at += SLICE) {
        yield kept.subarray(at, at + SLICE);
        // Nothing here waits for input, so the event loop must be given its turn.
        await setImmediate();
      }
      return;
    }
    const { signal } = this.options;
    const body = await this.store.get(this.key, { ifMatch: this.body.etag, ...(signal && { signal }) });
    yield* body.chunks;
  }
}

/** The ordering time of the first record, as far as the beginning of the file's bytes tells it. */
function firstOrder(bytes: Uint8Array, keyMinute: number, window: number): Instant | undefined {
  // A few KiB of compressed bytes mostly tell, and more need not be decompressed twice.
  const soon = isGzip(bytes) ? firstSettled(decompressedHead(bytes.subarray(0, 4096)), keyMinute, window) : undefined;
  if (soon?.certain === true) return soon.order;
  return firstSettled(decompressedHead(bytes.subarray(0, HEAD_TEXT)).subarray(0, HEAD_TEXT), keyMinute, window).order;
}

/** The first record's ordering time in this text; not certain when what follows the text might change it. */
function firstSettled(
  text: Uint8Array,
  keyMinute: number,
  window: number,
): { readonly order: Instant | undefined; readonly certain: boolean } {
  const decoder = new LineDecoder('raw', isUtf8);
  const sequencer = new RawSequencer(keyMinute, window);
  const orderOf = (record: LogRecord | undefined): Instant | undefined =>
    record !== undefined && isOrdered(record) ? orderTime(record) : undefined;
  // Line by line: a few tell.
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf(NEWLINE, start);
    const end = newline < 0 ? text.length : newline + 1;
    const [first] = sequencer.push(decoder.decodeBlock(text.subarray(start, end)));
    if (first !== undefined) return { order: orderOf(first), certain: true };
    start = end;
  }
  return { order: orderOf(sequencer.end()[0]), certain: false };
}
