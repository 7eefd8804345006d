import { randomUUID } from 'node:crypto';
import { Cleaner, rebuildMetadata } from '@cordwood/compaction';
import { CommitLostError, NotFoundError } from '@cordwood/log-store';
import { applyDrop, emptyPodMetadata, MetadataError, parsePodMetadata, type PodMetadata } from '@cordwood/pod-metadata';
import { damagedMetadataKey, metadataKey } from '@cordwood/s3-key-format';
import { correctEntries } from './accept-damage.ts';
import type { Finding } from './findings.ts';
import type { DoctorOptions } from './options.ts';

/** How a repair goes about. */
export interface RepairOptions extends DoctorOptions {
  /** Whether entries of files that are gone are dropped. */
  readonly dropMissing: boolean;
  /** Whether merged files that are damaged are reduced to what can be read of them. */
  readonly acceptDamage: boolean;
  /** Told of each thing that was done, right after it. */
  readonly onDone: (what: string) => void;
}

/** How often a repair starts over when workers commit first. */
const LOST_COMMITS = 5;

/**
 * Does what can be done about the findings at a pod while workers run: everything goes through commits on condition, and nothing is
 * deleted but by the rules of cleaning. Throws MetadataError when the metadata became unusable meanwhile.
 */
export async function repairPod(
  options: RepairOptions,
  pod: string,
  findings: readonly Finding[],
  signal?: AbortSignal,
): Promise<void> {
  const has = (...kinds: Finding['kind'][]): boolean => findings.some(({ kind }) => kinds.includes(kind));
  if (has('metadata unreadable', 'metadata lost')) await startingOver(() => rebuild(options, pod, signal));
  if (has('file missing') && options.dropMissing) {
    const missing = findings.filter(({ kind }) => kind === 'file missing').map(({ key }) => key);
    await startingOver(() => drop(options, pod, missing, signal));
  }
  const doubtful = findings.filter(({ kind }) => kind === 'file changed' || kind === 'file damaged');
  if (doubtful.length > 0) {
    const keys = doubtful.map(({ key }) => key);
    await startingOver(() => correctEntries(options, pod, keys, signal));
  }
  const isOverdue = findings.some((finding) => finding.kind === 'orphan' && finding.state === 'overdue');
  // Cleaning would sweep records that are nowhere else.
  if (!has('orphan records') && (isOverdue || has('raw files left', 'superseded files left'))) {
    const cleaner = new Cleaner(options);
    const { deletedRaw, deletedSuperseded, deletedOrphans } = await cleaner.clean(pod, signal);
    options.onDone(
      `cleaned ${pod}: deleted ${deletedRaw.toString()} raw, ${deletedSuperseded.toString()} superseded, ${deletedOrphans.toString()} orphaned files`,
    );
  }
}

async function startingOver(attempt: () => Promise<void>): Promise<void> {
  for (let lost = 0; ;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!(error instanceof CommitLostError) || ++lost >= LOST_COMMITS) throw error;
    }
  }
}

async function rebuild(options: RepairOptions, pod: string, signal: AbortSignal | undefined): Promise<void> {
  const { store, metadata, onDone } = options;
  const unusable = await findUnusable(options, pod, signal);
  // A worker was faster.
  if (unusable === undefined) return;
  if (unusable.etag !== undefined) {
    const keptAs = damagedMetadataKey({ pod, etag: unusable.etag });
    await store.copy(metadataKey(pod), keptAs, { ifMatch: unusable.etag, ...(signal && { signal }) });
    onDone(`kept ${metadataKey(pod)} as ${keptAs}`);
  }
  const rebuilt = (await rebuildMetadata({ ...options, onDamage: () => undefined }, pod, signal)) ?? {
    ...emptyPodMetadata(),
    commit_id: randomUUID(),
  };
  await metadata.commit(pod, { metadata: emptyPodMetadata(), etag: unusable.etag }, rebuilt, signal);
  onDone(`rebuilt ${metadataKey(pod)}: ${summary(rebuilt)}`);
}

const summary = ({ log_files, superseded, merged_raw }: PodMetadata): string => {
  const records = log_files.reduce((sum, file) => sum + file.records_count, 0);
  return (
    `${log_files.length.toString()} files with ${records.toString()} records, ${superseded.length.toString()} files that are not ` +
    `needed, ${merged_raw.length.toString()} raw files that are merged`
  );
};

/** The metadata's version if it cannot be used; its ETag is undefined when there is none. Throws MetadataError for a newer version. */
async function findUnusable(
  { store }: RepairOptions,
  pod: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly etag: string | undefined } | undefined> {
  try {
    const body = await store.get(metadataKey(pod), signal ? { signal } : {});
    const text = Buffer.from(await body.bytes()).toString('utf8');
    try {
      parsePodMetadata(text);
      return undefined;
    } catch (error) {
      if (!(error instanceof MetadataError) || error.reason === 'newer version') throw error;
      return { etag: body.etag };
    }
  } catch (error) {
    if (error instanceof NotFoundError) return { etag: undefined };
    throw error;
  }
}

/** Drops the entries of those files that are still listed and still gone. */
async function drop(
  { store, metadata, onDone }: RepairOptions,
  pod: string,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const version = await metadata.read(pod, signal);
  const gone: string[] = [];
  for (const { key } of version.metadata.log_files.filter((file) => keys.includes(file.key))) {
    try {
      await store.head(key, signal);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      gone.push(key);
    }
  }
  if (gone.length === 0) return;
  await metadata.commit(pod, version, applyDrop(version.metadata, gone, { commitId: randomUUID() }), signal);
  for (const key of gone) onDone(`dropped the entry of ${key}`);
}
