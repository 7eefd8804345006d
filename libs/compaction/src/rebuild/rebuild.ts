import { randomUUID } from 'node:crypto';
import { listRawFiles, mergedRecords, MergedWriter, type ObjectStore, type RawObject } from '@cordwood/log-store';
import { recordIdentity } from '@cordwood/log-record';
import {
  type DamagedRaw,
  emptyPodMetadata,
  formatStamp,
  isReferenceFile,
  type LogFile,
  type PodMetadata,
  type RawVersion,
} from '@cordwood/pod-metadata';
import { DAMAGED_PREFIX, parseDamagedKey, parseMergedKey, parseRawKey } from '@cordwood/s3-key-format';
import { uniqueIndex } from '../unique-index.ts';
import { type Candidate, findMergedFiles } from './inventory.ts';
import { type LiveFiles, selectLive } from './live-files.ts';
import { findMergedRaw, type MergedRawOptions } from './merged-raw.ts';
import { orderFiles } from './order.ts';
import { findUnfinished } from './unfinished.ts';

export interface RebuildOptions extends MergedRawOptions {
  /** MERGED_FILE_SIZE, in bytes. */
  readonly mergedFileSize: number;
  readonly legacyNamespace: string | undefined;
}

/**
 * The metadata that the pod's merged files in the bucket make, each of their records in it once; undefined when there are none. It is
 * for the caller to commit. Files that are not needed are listed as superseded from now on, so that they are deleted when
 * `CLEANUP_DELAY` is over. Raw objects count as merged when all their records stand in merged files.
 */
export async function rebuildMetadata(
  options: RebuildOptions,
  pod: string,
  signal?: AbortSignal,
): Promise<PodMetadata | undefined> {
  const { store } = options;
  const candidates = await findMergedFiles(store, pod, signal);
  if (candidates.length === 0) return undefined;
  const { files: raw } = await listRawFiles(store, pod, signal);
  const read = (file: LogFile): ReturnType<typeof mergedRecords> =>
    mergedRecords(store, file, options.onDamage, signal);
  const logFiles: LogFile[] = [];
  const unneeded: string[] = [];
  const mergedRaw: RawVersion[] = [];
  for (const [containerId, files] of Map.groupBy(candidates, containerIdOf)) {
    const own = raw.filter(({ parsed }) => parsed.containerId === containerId);
    const unfinished = await findUnfinished(options, files, own, read, signal);
    const selected = await selectLive(
      files.filter((file) => !unfinished.has(file)),
      read,
    );
    const ordered = orderFiles([...selected.live, ...(await writeRemainders(options, pod, selected, signal))]);
    logFiles.push(...ordered);
    unneeded.push(
      ...[...unfinished, ...selected.redundant, ...selected.partial.map((each) => each.candidate)].map(
        ({ file }) => file.key,
      ),
    );
    const newest = Math.max(...files.map(({ lastModified }) => lastModified));
    mergedRaw.push(...(await findMergedRaw(options, ordered, own, newest, signal)));
  }
  const since = formatStamp(store.now());
  return {
    ...emptyPodMetadata(),
    commit_id: randomUUID(),
    last_compaction_time: since,
    log_files: logFiles,
    merged_raw: mergedRaw.map((version) => ({ ...version, merged_at: since })),
    superseded: unneeded.map((key) => ({ key, since })),
    damaged: await damagedOf(store, pod, signal),
    ...ownerOfReferenceFiles(logFiles, raw),
  };
}

const containerIdOf = ({ file }: Candidate): string => {
  const parsed = parseMergedKey(file.key);
  return parsed.ok ? parsed.key.containerId : '';
};

/** Writes the records that files have beside those in live files. They make runs of their own: read at their time among the others. */
async function writeRemainders(
  options: RebuildOptions,
  pod: string,
  { live, partial }: LiveFiles,
  signal: AbortSignal | undefined,
): Promise<Candidate[]> {
  const { store } = options;
  const written: Candidate[] = [];
  let run = Math.max(0, ...[...live, ...partial.map((each) => each.candidate)].map(({ file }) => file.run ?? 0));
  for (const { candidate, covered } of partial) {
    const { file } = candidate;
    const writer = new MergedWriter({
      store,
      pod,
      namespace: file.namespace ?? options.legacyNamespace ?? '',
      container: file.container ?? pod,
      containerId: containerIdOf(candidate),
      run: ++run,
      tail: [],
      known: live.map((each) => each.file),
      merge: uniqueIndex(),
      rewriteTail: false,
      limit: options.mergedFileSize,
      uniqueIndex,
      signal,
    });
    const seen = new Map<number, number>();
    for await (const records of mergedRecords(store, file, options.onDamage, signal)) {
      const left = records.filter((record) => {
        const identity = recordIdentity(record);
        const own = (seen.get(identity) ?? 0) + 1;
        seen.set(identity, own);
        return own > (covered.get(identity) ?? 0);
      });
      await writer.write(candidate, left);
    }
    const files = await writer.finish(file.last_raw ?? {});
    written.push(...files.written.map((each) => ({ file: each, provenance: undefined, lastModified: store.now() })));
  }
  return written;
}

/** The pod's damaged raw objects that were set aside. What was wrong with them is not known any more. */
async function damagedOf(store: ObjectStore, pod: string, signal: AbortSignal | undefined): Promise<DamagedRaw[]> {
  const damaged: DamagedRaw[] = [];
  for await (const page of store.list({ prefix: DAMAGED_PREFIX, ...(signal && { signal }) })) {
    for (const { key } of page.objects) {
      const kept = parseDamagedKey(key);
      const raw = kept.ok ? parseRawKey(kept.key.rawKey) : undefined;
      if (!kept.ok || raw?.ok !== true || raw.key.pod !== pod) continue;
      const reason = 'set aside as damaged before the metadata was rebuilt';
      damaged.push({ key: kept.key.rawKey, etag: kept.key.etag, reason, kept_as: key });
    }
  }
  return damaged;
}

/** Files of the reference do not say whose they are; a raw file of the same container does. */
function ownerOfReferenceFiles(
  files: readonly LogFile[],
  raw: readonly RawObject[],
): Pick<PodMetadata, 'reference_last_merged_key'> {
  const containers = new Set(files.filter(isReferenceFile).map(({ key }) => key.split('/')[2]));
  const key = raw.find(({ parsed }) => containers.has(parsed.containerId))?.key;
  return key === undefined ? {} : { reference_last_merged_key: key };
}
