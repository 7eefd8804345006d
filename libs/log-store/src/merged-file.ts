import { isUtf8 } from 'node:buffer';
import { LineBlocks, LineDecoder, type LogRecord } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import { DamagedGzipError, decompressed } from './decompress.ts';
import type { ObjectStore } from './object-store.ts';

/** Called with a merged file that does not hold what the metadata says. What can be read of it has been delivered. */
export type OnDamage = (damage: { readonly key: string; readonly reason: string }) => void;

/** One line of a merged file may be longer than any raw line was: escapes and the ordering time are added. */
const LONGEST_LINE = 256 * 1024 * 1024;

/**
 * The records of a merged file, in its order. Throws NotFoundError when it is gone: then it was replaced, and the metadata must
 * be read again.
 */
export async function* mergedRecords(
  store: ObjectStore,
  file: LogFile,
  onDamage: OnDamage,
  signal?: AbortSignal,
): AsyncGenerator<LogRecord[]> {
  const lines = new LineBlocks(LONGEST_LINE);
  const decoder = new LineDecoder('merged', isUtf8);
  let count = 0;
  const decode = (block: Uint8Array | undefined): LogRecord[] => {
    const records = block === undefined ? [] : decoder.decodeBlock(block);
    count += records.length;
    return records;
  };
  try {
    for await (const chunk of decompressed(() => bytesOf(store, file.key, signal))) yield decode(lines.push(chunk));
    yield decode(lines.end());
  } catch (error) {
    if (!(error instanceof DamagedGzipError)) throw error;
    onDamage({ key: file.key, reason: `gzip: ${error.message}` });
    return;
  }
  if (count !== file.records_count) {
    onDamage({
      key: file.key,
      reason: `${count.toString()} records, where the metadata says ${file.records_count.toString()}`,
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
