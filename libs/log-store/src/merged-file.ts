import { isUtf8 } from 'node:buffer';
import { LeadingLines, LineBlocks, LineDecoder, type LogRecord, type Unneeded } from '@cordwood/log-record';
import { isReferenceFile, type LogFile } from '@cordwood/pod-metadata';
import { DamagedGzipError, decompressed } from './decompress.ts';
import type { ReadableStore } from './object-store.ts';

/**
 * Called with a merged file that does not hold what the metadata says, or a raw file that cannot be read whole. What can be read of it has been
 * delivered.
 */
export type OnDamage = (damage: Damage) => void;

export interface Damage {
  readonly key: string;
  readonly reason: string;
  /** Whether records of a merged file are missing: the log can no longer be read whole. */
  readonly incomplete: boolean;
}

/** One line of a merged file may be longer than any raw line was: escapes and the ordering time are added. */
const LONGEST_LINE = 256 * 1024 * 1024;

/** What is not needed of a merged file: see `LeadingLines`. */
export interface LeftOut {
  readonly unneeded: Unneeded;
  /** Called with how many records were left out, before any are given. */
  readonly onPassed: (records: number) => void;
}

/**
 * The records of a merged file, in its order. Throws NotFoundError when it is gone: then it was replaced, and the metadata must
 * be read again.
 */
export async function* mergedRecords(
  store: ReadableStore,
  file: LogFile,
  onDamage: OnDamage,
  signal?: AbortSignal,
  leftOut?: LeftOut,
): AsyncGenerator<LogRecord[]> {
  yield* piecesOf(store, file, onDamage, signal, new RecordBlocks(leftOut));
}

/** What is made of a merged file: of its blocks of whole lines, one after the other, and of what was held back when they are over. */
export interface BlockReader<Piece> {
  /** How many records there were so far. */
  readonly count: number;
  push(block: Uint8Array): Iterable<Piece> | AsyncIterable<Piece>;
  end?(): Iterable<Piece>;
}

/** What the reader makes of the file. Throws like {@link mergedRecords}; tells of damage when all that is left was given. */
export async function* piecesOf<Piece>(
  store: ReadableStore,
  file: LogFile,
  onDamage: OnDamage,
  signal: AbortSignal | undefined,
  reader: BlockReader<Piece>,
): AsyncGenerator<Piece> {
  const lines = new LineBlocks(LONGEST_LINE);
  let damage: DamagedGzipError | undefined;
  try {
    for await (const chunk of mergedText(store, file, signal)) {
      for (const block of lines.push(chunk)) yield* reader.push(block);
    }
    const last = lines.end();
    if (last !== undefined) yield* reader.push(last);
  } catch (error) {
    if (!(error instanceof DamagedGzipError)) throw error;
    damage = error;
  }
  if (reader.end !== undefined) yield* reader.end();
  if (damage !== undefined) {
    onDamage({ key: file.key, reason: `gzip: ${damage.message}`, incomplete: true });
    return;
  }
  const { count } = reader;
  if (count !== file.records_count) {
    onDamage({
      key: file.key,
      reason: `${count.toString()} records, where the metadata says ${file.records_count.toString()}`,
      // What the reference counted is a hint.
      incomplete: count < file.records_count && !isReferenceFile(file),
    });
  }
}

/** Decodes blocks, but for what is left out. */
class RecordBlocks implements BlockReader<LogRecord[]> {
  count = 0;
  private readonly decoder = new LineDecoder('merged', isUtf8);
  private readonly leading: LeadingLines | undefined;
  private readonly leftOut: LeftOut | undefined;
  private hasBegun = false;

  constructor(leftOut: LeftOut | undefined) {
    this.leftOut = leftOut;
    this.leading = leftOut && new LeadingLines(leftOut.unneeded);
  }

  push(block: Uint8Array): Iterable<LogRecord[]> {
    return this.decode(this.leading?.push(block) ?? [block]);
  }

  end(): Iterable<LogRecord[]> {
    return this.decode(this.leading?.end() ?? []);
  }

  private *decode(blocks: readonly Uint8Array[]): Generator<LogRecord[]> {
    for (const block of blocks) {
      if (!this.hasBegun && this.leading !== undefined) {
        this.count = this.leading.passed;
        this.leftOut?.onPassed(this.count);
      }
      this.hasBegun = true;
      const records = this.decoder.decodeBlock(block);
      this.count += records.length;
      yield records;
    }
  }
}

/** The text of a merged file, as it is stored. */
export const mergedText = (store: ReadableStore, file: LogFile, signal?: AbortSignal): AsyncGenerator<Uint8Array> =>
  decompressed(() => bytesOf(store, file.key, signal));

async function* bytesOf(
  store: ReadableStore,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const body = await store.get(key, signal ? { signal } : {});
  yield* body.chunks;
}
