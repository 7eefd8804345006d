import { randomUUID } from 'node:crypto';
import type { Instant } from '@cordwood/log-record';
import {
  type ContainerInstance,
  Deduplicator,
  hasTrustedTimes,
  instancesOf,
  inTurn,
  lastRawOf,
  type LineTaker,
  mergedRecords,
  MergedIdentities,
  MergedWriter,
  type ObjectStore,
  type OnDamage,
  Pacer,
  type RawFile,
  type RawSource,
  arrange,
  earliestOf,
  rawSources,
} from '@cordwood/log-store';
import {
  applyMerge,
  type DamagedRaw,
  type LogFile,
  type Merge,
  mergedVersions,
  type PodMetadata,
} from '@cordwood/pod-metadata';
import { damagedKey } from '@cordwood/s3-key-format';
import { joinLateRuns } from './late-runs.ts';
import { uniqueIndex } from './unique-index.ts';

export interface MergeOptions {
  readonly store: ObjectStore;
  /** REORDER_WINDOW, in ms. */
  readonly reorderWindow: number;
  /** MERGED_FILE_SIZE and MAX_RECORD, in bytes. */
  readonly mergedFileSize: number;
  readonly maxRecord: number;
  /** Whether merged files that have room may be rewritten together with the new records. */
  readonly rewriteTail: boolean;
  /** Whether runs of late records may become one: only when no raw files are known that are not merged with this batch. */
  readonly joinRuns: boolean;
  readonly legacyNamespace: string | undefined;
  readonly onDamage: OnDamage;
}

/** A merge whose files are stored, and which waits for its commit. */
export interface MergedBatch {
  readonly metadata: PodMetadata;
  readonly rawFiles: number;
  readonly rawBytes: number;
  readonly records: number;
  readonly writtenFiles: number;
  readonly writtenBytes: number;
  readonly rewrittenBytes: number;
  readonly oddLines: number;
  readonly damaged: readonly DamagedRaw[];
}

/**
 * Merges raw files of a pod into new files, container instance by container instance. Nothing becomes visible before the caller
 * commits the metadata (I2).
 */
export async function mergeBatch(
  options: MergeOptions,
  pod: string,
  metadata: PodMetadata,
  batch: readonly RawFile[],
  signal?: AbortSignal,
): Promise<MergedBatch> {
  const { store } = options;
  // The version that was there to be opened may be another than the listing's, and merged.
  const isMerged = mergedVersions(metadata);
  const opened = batch.filter((file) => !isMerged(file));
  const merges: Required<Pick<Merge, 'written' | 'replaced' | 'changed'>>[] = [];
  for (const instance of instancesOf(pod, metadata, opened, options.legacyNamespace)) {
    if (instance.raw.length > 0) merges.push(await mergeInstance(options, pod, instance, signal));
  }
  const damaged = await keepDamaged(store, opened, signal);
  const written = merges.flatMap((merge) => merge.written);
  const replaced = merges.flatMap((merge) => merge.replaced);
  const changed = merges.flatMap((merge) => merge.changed);
  const replacedFiles = metadata.log_files.filter((file) => replaced.includes(file.key));
  const sum = (files: readonly LogFile[], of: (file: LogFile) => number): number =>
    files.reduce((total, file) => total + of(file), 0);
  return {
    metadata: applyMerge(
      metadata,
      { written, replaced, changed, mergedRaw: opened.map(({ key, etag }) => ({ key, etag })), damaged },
      { commitId: randomUUID(), now: store.now() },
    ),
    rawFiles: opened.length,
    rawBytes: opened.reduce((total, file) => total + file.size, 0),
    records: sum(written, (file) => file.records_count) - sum(replacedFiles, (file) => file.records_count),
    writtenFiles: written.length,
    writtenBytes: sum(written, (file) => file.stored_size ?? 0),
    rewrittenBytes: sum(replacedFiles, (file) => file.stored_size ?? 0),
    oddLines: opened.reduce((total, file) => total + file.odd.notJson + file.odd.oddFields, 0),
    damaged,
  };
}

async function mergeInstance(
  options: MergeOptions,
  pod: string,
  instance: ContainerInstance<RawFile>,
  signal: AbortSignal | undefined,
): Promise<Required<Pick<Merge, 'written' | 'replaced' | 'changed'>>> {
  const { store, reorderWindow, mergedFileSize } = options;
  const identities = new MergedIdentities(
    instance.merged.map((file) => ({ file, trusted: hasTrustedTimes(file) })),
    (file) => mergedRecords(store, file, options.onDamage, signal),
  );
  const deduplicator = new Deduplicator(identities, reorderWindow);
  // Each run is written down by itself, late ones too: files are joined by time where they are read, and only there.
  const all = arrange(instance.merged, instance.raw, reorderWindow);
  const runs = all
    .filter((run) => run.raw.length > 0)
    .map((run) => ({ ...run, sources: rawSources(run, instance.deletedUntil) }));
  const shared = {
    store,
    pod,
    namespace: instance.namespace ?? '',
    container: instance.container,
    containerId: instance.containerId,
    known: instance.merged,
    merge: uniqueIndex(),
    limit: mergedFileSize,
    uniqueIndex,
    signal,
  };
  const written: LogFile[] = [];
  const replaced: string[] = [];
  const pacer = new Pacer();
  for (const [index, run] of runs.entries()) {
    const { rewriteTail } = options;
    const writer = new MergedWriter({ ...shared, run: run.number, tail: run.merged, rewriteTail });
    const later = earliestOf(runs.slice(index + 1).flatMap(({ sources }) => sources.map((source) => source.first)));
    const takerOf = (source: RawSource, upcoming: Instant | undefined): LineTaker<undefined> => ({
      take: async (block, order) => {
        const lines = await writer.take(source, block, { ...deduplicator.bulk(upcoming), ...order });
        if (lines === undefined) return undefined;
        deduplicator.remember(source, lines, upcoming);
        return { ...lines, made: undefined };
      },
    });
    for await (const read of inTurn(run.sources, takerOf, later)) {
      signal?.throwIfAborted();
      await pacer.pause();
      // What was taken is written.
      if (!('taken' in read)) await writer.write(read.source, await deduplicator.filter(read));
    }
    const files = await writer.finish(lastRawOf(run.merged.findLast((file) => file.last_raw)?.last_raw, run.raw));
    written.push(...files.written);
    replaced.push(...files.replaced);
  }
  const joined = options.joinRuns ? await joinLateRuns(shared, all) : undefined;
  return {
    written: [...written, ...(joined?.written ?? [])],
    replaced: [...replaced, ...(joined?.replaced ?? [])],
    changed: joined?.changed ?? [],
  };
}

/** Keeps a copy of each object that could not be read whole, before it is listed as merged and in the end cleaned (I8). */
async function keepDamaged(
  store: ObjectStore,
  files: readonly RawFile[],
  signal: AbortSignal | undefined,
): Promise<DamagedRaw[]> {
  const damaged: DamagedRaw[] = [];
  for (const { key, etag, damage } of files) {
    if (damage === undefined) continue;
    const keptAs = damagedKey({ rawKey: key, etag });
    await store.copy(key, keptAs, { ifMatch: etag, ...(signal && { signal }) });
    damaged.push({ key, etag, reason: damage, kept_as: keptAs });
  }
  return damaged;
}
