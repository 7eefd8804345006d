import { isUtf8 } from 'node:buffer';
import {
  type Instant,
  isMisdated,
  isOrdered,
  LineBlocks,
  LineDecoder,
  type LogRecord,
  type OddLines,
  orderTime,
  type PlainRange,
  RawSequencer,
  wholeLines,
} from '@cordwood/log-record';
import { parseMinute, type RawKey } from '@cordwood/s3-key-format';
import type { BufferPool } from './buffer-pool.ts';
import { DamagedGzipError, decompressed, decompressedHead, isGzip } from './decompress.ts';
import type { ObjectBody, ObjectInfo, ReadableStore } from './object-store.ts';
import { Pacer } from './pacer.ts';
import { type Taken, TakenBlocks, type TakenLines } from './taken-blocks.ts';

/** A raw object of a listing, with its key taken apart. */
export interface RawObject extends ObjectInfo {
  readonly parsed: RawKey;
}

/** How much of a raw file is fetched to know where it belongs, and how much of its text is looked at. */
const HEAD_BYTES = 64 * 1024;
const HEAD_TEXT = 256 * 1024;
const SOON = 4096;
/** A first record further than this from the date in the key has a clock that tells nothing; no buffer is left over for so long. */
const CREDIBLE_SECONDS = 30 * 86_400;
/** Bytes of lines that are decoded in one go; odd ones take a hundred times as long as usual ones. */
const SLICE = 64 * 1024;
const NEWLINE = 0x0a;

export interface RawFileOptions {
  /** Objects of up to this many stored bytes are read once, and kept until they are used; larger ones are read twice. */
  readonly keepUpTo: number;
  /** Only the version that was listed will do; else the one that is there when the object is opened. */
  readonly asListed?: boolean;
  /** Longest line that is kept, in bytes. */
  readonly maxRecord: number;
  /** REORDER_WINDOW, in ms. */
  readonly reorderWindow: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when the bytes that were kept are not held any more: all records have been read, or will not be. */
  readonly onRead?: () => void;
  /** Where buffers for objects that are kept come from. Records are then good only until the next ones are asked for. */
  readonly buffers?: BufferPool;
}

/** Takes lines of raw files without records being made of them. */
export interface LineTaker<T> {
  /**
   * Takes plain lines from the beginning of the block, which is valid UTF-8; undefined: none. `order`: what it takes to tell from their
   * times that each is ordered by its own.
   */
  take(
    block: Uint8Array,
    order: Pick<PlainRange, 'previous' | 'window'>,
  ): Promise<TakenLines<T> | undefined> | TakenLines<T> | undefined;
}

/** All bytes of a small object. */
interface Kept {
  readonly bytes: Uint8Array;
  /** The buffer that they are in, when it is to be given back. */
  readonly buffer?: Buffer;
}

interface Opened {
  /** The answer. It is not kept: a log may have very many raw files. */
  readonly body: Pick<ObjectBody, 'etag' | 'lastModified'>;
  /** All its bytes, when the object is small. */
  readonly kept: Kept | undefined;
  /** What its beginning says of its first record's ordering time. */
  readonly order: Instant | undefined;
}

/**
 * One version of a raw object: opened, its place in the order known, its records still to be read.
 */
export class RawFile {
  readonly key: string;
  readonly parsed: RawKey;
  /** Of the GET's answer, which may be newer than the listing: it is this version that is read. */
  readonly etag: string;
  /** When it arrived: ms since 1970, the store's clock. */
  readonly lastModified: number;
  readonly size: number;
  /** The ordering time of the first record; undefined when nothing at the file's start tells. */
  readonly order: Instant | undefined;
  /** Why a part of the object could not be used; known once its records have been read. */
  damage: string | undefined;
  private kept: Kept | undefined;
  private readonly store: ReadableStore;
  private readonly options: RawFileOptions;
  private readonly decoder = new LineDecoder('raw', isUtf8);

  private constructor(store: ReadableStore, object: RawObject, options: RawFileOptions, { body, kept, order }: Opened) {
    this.store = store;
    this.options = options;
    this.key = object.key;
    this.parsed = object.parsed;
    this.etag = body.etag;
    // A listing tells it to the ms, where the store does; and batches are planned by it.
    this.lastModified = body.etag === object.etag ? object.lastModified : body.lastModified;
    this.size = object.size;
    this.kept = kept;
    this.order = order !== undefined && Math.abs(order.seconds - this.keyMinute) < CREDIBLE_SECONDS ? order : undefined;
  }

  /**
   * Reads the object's beginning, or all of it when it is small. Throws NotFoundError when it is gone, PreconditionFailedError when
   * another version is there and only the listed one will do.
   */
  static async open(store: ReadableStore, object: RawObject, options: RawFileOptions): Promise<RawFile> {
    const whole = object.size <= options.keepUpTo;
    const body = await store.get(object.key, {
      ...(!whole && { start: 0, end: HEAD_BYTES - 1 }),
      ...(options.asListed === true && { ifMatch: object.etag }),
      ...(options.signal && { signal: options.signal }),
    });
    const head = whole && options.buffers ? await fetched(body, options.buffers) : { bytes: await body.bytes() };
    const order = await firstOrder(head.bytes, parseMinute(object.parsed.date) ?? 0, options.reorderWindow);
    return new RawFile(store, object, options, { body, kept: whole ? head : undefined, order });
  }

  /** The date in the key, in seconds since 1970. */
  private get keyMinute(): number {
    return parseMinute(this.parsed.date) ?? 0;
  }

  /** Whether the bytes are held: its records take no request. */
  get isKept(): boolean {
    return this.kept !== undefined;
  }

  /** Whether the date in the key is not that of the first record: a buffer left over from a restart has the restart's. */
  get misdated(): boolean {
    return this.order !== undefined && isMisdated(this.order.seconds, this.keyMinute);
  }

  /** Lines that were not of the usual form, so far. */
  get odd(): OddLines {
    return this.decoder.odd;
  }

  /** The file's records in its order, with their times settled. This or {@link take} is to be called, once. */
  records(): AsyncGenerator<LogRecord[]> {
    const sequencer = this.newSequencer();
    return this.read(sequencer, (block) => [sequencer.push(this.decoder.decodeBlock(block))]);
  }

  /** The file's records, but for what the taker takes. When that is asked, all that was given before has been dealt with. */
  take<T>(taker: LineTaker<T>): AsyncGenerator<LogRecord[] | Taken<T>> {
    const sequencer = this.newSequencer();
    const window = this.options.reorderWindow / 1000;
    const take = (block: Uint8Array): ReturnType<LineTaker<T>['take']> => {
      const previous = sequencer.settledUntil;
      return previous === undefined ? undefined : taker.take(block, { previous, window });
    };
    const blocks = new TakenBlocks(this.decoder, take, sequencer);
    return this.read(sequencer, (block) => blocks.read(block));
  }

  /** As the last bytes of a gzip member say. */
  private get textSize(): number | undefined {
    const bytes = this.kept?.bytes;
    return bytes === undefined || bytes.length < 18
      ? undefined
      : new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4).getUint32(0, true);
  }

  private newSequencer(): RawSequencer {
    return new RawSequencer(this.keyMinute, this.options.reorderWindow);
  }

  private async *read<Piece>(
    sequencer: RawSequencer,
    piecesOf: (block: Uint8Array) => AsyncIterable<Piece> | Iterable<Piece>,
  ): AsyncGenerator<Piece | LogRecord[]> {
    // Where records are good only until the next ones are asked for, so are the bytes that they are read from.
    const isPassing = this.options.buffers !== undefined;
    const blocks = new LineBlocks(this.options.maxRecord);
    const pacer = new Pacer();
    try {
      for await (const chunk of decompressed(() => this.bytes(), { isPassing, size: this.textSize })) {
        for (const lines of blocks.push(chunk)) {
          for (const block of wholeLines(lines, SLICE)) {
            yield* piecesOf(block);
            await pacer.pause();
          }
        }
        if (isPassing) sequencer.detach();
      }
    } catch (error) {
      if (!(error instanceof DamagedGzipError)) throw error;
      this.damage = `gzip: ${error.message}`;
    }
    // Where the object broke off in a line, what there is of it is no record; it is kept with the damaged object.
    const last = this.damage === undefined ? blocks.end() : undefined;
    if (last !== undefined) yield* piecesOf(last);
    yield sequencer.end();
    if (blocks.oversized > 0) this.damage ??= `${blocks.oversized.toString()} lines longer than MAX_RECORD`;
    this.close();
  }

  /** Lets go of what is kept: nothing of it is read any more. */
  close(): void {
    if (this.kept?.buffer !== undefined) this.options.buffers?.give(this.kept.buffer);
    this.kept = undefined;
    this.options.onRead?.();
  }

  private async *bytes(): AsyncGenerator<Uint8Array> {
    const { kept } = this;
    if (kept !== undefined) {
      yield kept.bytes;
      return;
    }
    const { signal } = this.options;
    const body = await this.store.get(this.key, { ifMatch: this.etag, ...(signal && { signal }) });
    yield* body.chunks;
  }
}

/** The body in a buffer of the pool. */
async function fetched(body: ObjectBody, buffers: BufferPool): Promise<Kept> {
  const buffer = buffers.take(body.size);
  try {
    return { bytes: await body.bytes(buffer), buffer };
  } catch (error) {
    buffers.give(buffer);
    throw error;
  }
}

/** The ordering time of the first record, as far as the beginning of the file's bytes tells it. */
async function firstOrder(bytes: Uint8Array, keyMinute: number, window: number): Promise<Instant | undefined> {
  // A few KiB of compressed bytes mostly tell, and more need not be decompressed twice.
  for (const compressed of isGzip(bytes) ? [SOON, HEAD_TEXT] : [HEAD_TEXT]) {
    const text = await decompressedHead(bytes.subarray(0, compressed), HEAD_TEXT);
    const { order, certain } = firstSettled(text, keyMinute, window);
    if (certain || compressed === HEAD_TEXT) return order;
  }
  return undefined;
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
