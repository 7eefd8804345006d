import { isUtf8 } from 'node:buffer';
import { LeadingLines, LineBlocks, LineDecoder, type LogRecord, type Unneeded } from '@cordwood/log-record';
import { isReferenceFile, type LogFile } from '@cordwood/pod-metadata';
import { DamagedGzipError, decompressed } from './decompress.ts';
import type { ObjectStore } from './object-store.ts';

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
  store: ObjectStore,
  file: LogFile,
  onDamage: OnDamage,
  signal?: AbortSignal,
  leftOut?: LeftOut,
): AsyncGenerator<LogRecord[]> {
  const lines = new LineBlocks(LONGEST_LINE);
  const leading = leftOut && new LeadingLines(leftOut.unneeded);
  const decoder = new LineDecoder('merged', isUtf8);
  let count = 0;
  let hasBegun = false;
  function* decode(blocks: readonly Uint8Array[]): Generator<LogRecord[]> {
    for (const block of blocks) {
      if (!hasBegun && leading !== undefined) {
        count = leading.passed;
        leftOut?.onPassed(count);
      }
      hasBegun = true;
      const records = decoder.decodeBlock(block);
      count += records.length;
      yield records;
    }
  }
  const needed = (block: Uint8Array | undefined): readonly Uint8Array[] =>
    block === undefined ? [] : (leading?.push(block) ?? [block]);
  let damage: DamagedGzipError | undefined;
  try {
    for await (const chunk of decompressed(() => bytesOf(store, file.key, signal))) {
      yield* decode(needed(lines.push(chunk)));
    }
    yield* decode(needed(lines.end()));
  } catch (error) {
    if (!(error instanceof DamagedGzipError)) throw error;
    damage = error;
  }
  yield* decode(leading?.end() ?? []);
  if (damage !== undefined) {
    onDamage({ key: file.key, reason: `gzip: ${damage.message}`, incomplete: true });
    return;
  }
  if (count !== file.records_count) {
    onDamage({
      key: file.key,
      reason: `${count.toString()} records, where the metadata says ${file.records_count.toString()}`,
      // What the reference counted is a hint.
      incomplete: count < file.records_count && !isReferenceFile(file),
    });
  }
}

/** The text of a merged file, as it is stored. */
export const mergedText = (store: ObjectStore, file: LogFile, signal?: AbortSignal): AsyncGenerator<Uint8Array> =>
  decompressed(() => bytesOf(store, file.key, signal));

async function* bytesOf(store: ObjectStore, key: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const body = await store.get(key, signal ? { signal } : {});
  yield* body.chunks;
}
