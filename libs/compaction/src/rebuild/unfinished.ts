import { markOf, NotFoundError, RawFile, type RawObject } from '@cordwood/log-store';
import { type LogRecord, recordIdentity } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import type { Candidate } from './inventory.ts';
import { KEEP_UP_TO, type MergedRawOptions } from './merged-raw.ts';

/**
 * Files of merges that died before all of their files were stored, so before their commit: what they merged is still there as raw
 * objects, or other merges have merged it. They go when their records are really found elsewhere.
 */
export async function findUnfinished(
  options: MergedRawOptions,
  candidates: readonly Candidate[],
  raw: readonly RawObject[],
  read: (file: LogFile) => AsyncIterable<LogRecord[]>,
  signal?: AbortSignal,
): Promise<ReadonlySet<Candidate>> {
  const suspects = incomplete(candidates);
  const unfinished = new Set<Candidate>();
  if (suspects.length === 0) return unfinished;
  const elsewhere = await countRaw(options, raw, signal);
  for (const candidate of candidates) {
    if (suspects.includes(candidate)) continue;
    for (const [identity, count] of await countOf(read(candidate.file)))
      elsewhere.set(identity, Math.max(count, elsewhere.get(identity) ?? 0));
  }
  for (const suspect of suspects) {
    const counts = await countOf(read(suspect.file));
    if ([...counts].every(([identity, count]) => (elsewhere.get(identity) ?? 0) >= count)) unfinished.add(suspect);
  }
  return unfinished;
}

/**
 * The files of merges of which a part is missing, the last (which says what raw files came last) or one before it, and on which no
 * other merge was built.
 */
function incomplete(candidates: readonly Candidate[]): Candidate[] {
  const built = new Set(candidates.flatMap(({ provenance }) => [...(provenance?.basedOn ?? [])]));
  const merges = Map.groupBy(
    candidates.filter(({ provenance }) => provenance !== undefined),
    ({ file, provenance }) => `${provenance?.merge ?? ''} ${(file.run ?? 0).toString()}`,
  );
  return [...merges.values()].flatMap((files) => {
    const parts = new Set(files.map(({ provenance }) => provenance?.part));
    const last = files.find(({ file }) => file.last_raw !== undefined)?.provenance?.part;
    const isWhole = last !== undefined && parts.size === last + 1;
    return isWhole || files.some(({ file }) => built.has(markOf(file.key))) ? [] : files;
  });
}

/** How many records of each identity the raw object that has most of them holds. */
async function countRaw(
  options: MergedRawOptions,
  raw: readonly RawObject[],
  signal: AbortSignal | undefined,
): Promise<Map<number, number>> {
  const most = new Map<number, number>();
  for (const object of raw) {
    try {
      const file = await RawFile.open(options.store, object, { ...options, keepUpTo: KEEP_UP_TO, signal });
      for (const [identity, count] of await countOf(file.records()))
        most.set(identity, Math.max(count, most.get(identity) ?? 0));
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  return most;
}

async function countOf(batches: AsyncIterable<LogRecord[]>): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  for await (const records of batches) {
    for (const record of records) {
      const identity = recordIdentity(record);
      counts.set(identity, (counts.get(identity) ?? 0) + 1);
    }
  }
  return counts;
}
