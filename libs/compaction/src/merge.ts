import { randomBytes, randomUUID } from 'node:crypto';
import {
  type ContainerInstance,
  Deduplicator,
  hasTrustedTimes,
  instancesOf,
  join,
  lastRawOf,
  mergedRecords,
  MergedIdentities,
  MergedWriter,
  NotFoundError,
  type ObjectStore,
  type OnDamage,
  RawFile,
  type RawObject,
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
import pLimit from 'p-limit';

/** Raw objects of a batch that are fetched at the same time. */
const PARALLEL_GETS = 8;

export interface MergeOptions {
  readonly store: ObjectStore;
  /** REORDER_WINDOW, in ms. */
  readonly reorderWindow: number;
  /** MERGED_FILE_SIZE and MAX_RECORD, in bytes. */
  readonly mergedFileSize: number;
  readonly maxRecord: number;
  /** Raw objects up to this size are fetched once, and held until they are merged. */
  readonly keepUpTo: number;
  /** Whether merged files that have room may be rewritten together with the new records. */
  readonly rewriteTail: boolean;
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
 * Merges raw objects of a pod into new files, container instance by container instance. Nothing becomes visible before the caller
 * commits the metadata (I2).
 */
export async function mergeBatch(
  options: MergeOptions,
  pod: string,
  metadata: PodMetadata,
  batch: readonly RawObject[],
  signal?: AbortSignal,
): Promise<MergedBatch> {
  const { store } = options;
  const opened = await openAll(options, metadata, batch, signal);
  const merges: Pick<Merge, 'written' | 'replaced'>[] = [];
  for (const instance of instancesOf(pod, metadata, opened, options.legacyNamespace)) {
    if (instance.raw.length > 0) merges.push(await mergeInstance(options, pod, instance, signal));
  }
  const damaged = await keepDamaged(store, opened, signal);
  const written = merges.flatMap((merge) => merge.written);
  const replaced = merges.flatMap((merge) => merge.replaced);
  const replacedFiles = metadata.log_files.filter((file) => replaced.includes(file.key));
  const sum = (files: readonly LogFile[], of: (file: LogFile) => number): number =>
    files.reduce((total, file) => total + of(file), 0);
  return {
    metadata: applyMerge(
      metadata,
      { written, replaced, mergedRaw: opened.map(({ key, etag }) => ({ key, etag })), damaged },
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

/** Opens the objects; what is gone (cleaned by another worker) or turns out to be merged in the version now there is left out. */
async function openAll(
  options: MergeOptions,
  metadata: PodMetadata,
  batch: readonly RawObject[],
  signal: AbortSignal | undefined,
): Promise<RawFile[]> {
  const limit = pLimit(PARALLEL_GETS);
  const isMerged = mergedVersions(metadata);
  const open = async (object: RawObject): Promise<RawFile | undefined> => {
    try {
      const file = await RawFile.open(options.store, object, { ...options, signal });
      return isMerged(file) ? undefined : file;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  };
  const opened = await Promise.all(batch.map(async (object) => limit(open, object)));
  return opened.filter((file) => file !== undefined);
}

async function mergeInstance(
  options: MergeOptions,
  pod: string,
  instance: ContainerInstance<RawFile>,
  signal: AbortSignal | undefined,
): Promise<Pick<Merge, 'written' | 'replaced'>> {
  const { store, reorderWindow, mergedFileSize } = options;
  const identities = new MergedIdentities(
    instance.merged.map((file) => ({ file, trusted: hasTrustedTimes(file) })),
    (file) => mergedRecords(store, file, options.onDamage, signal),
  );
  const deduplicator = new Deduplicator(identities, reorderWindow);
  // Each run is written down by itself, late ones too: files are joined by time where they are read, and only there.
  const runs = arrange(instance.merged, instance.raw, reorderWindow)
    .filter((run) => run.raw.length > 0)
    .map((run) => ({ ...run, sources: rawSources(run) }));
  const written: LogFile[] = [];
  const replaced: string[] = [];
  for (const [index, run] of runs.entries()) {
    const writer = new MergedWriter({
      store,
      pod,
      namespace: instance.namespace ?? '',
      container: instance.container,
      containerId: instance.containerId,
      run: run.number,
      tail: run.merged,
      rewriteTail: options.rewriteTail,
      limit: mergedFileSize,
      uniqueIndex,
      signal,
    });
    const later = earliestOf(runs.slice(index + 1).flatMap(({ sources }) => sources.map((source) => source.first)));
    for await (const joined of join([run.sources], later)) {
      signal?.throwIfAborted();
      await writer.write(joined.source, await deduplicator.filter(joined));
    }
    const files = await writer.finish(lastRawOf(run.merged.findLast((file) => file.last_raw)?.last_raw, run.raw));
    written.push(...files.written);
    replaced.push(...files.replaced);
  }
  return { written, replaced };
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

/** 96 random bits as decimal digits: no two files ever get the same key. */
const uniqueIndex = (): string => BigInt(`0x${randomBytes(12).toString('hex')}`).toString();
