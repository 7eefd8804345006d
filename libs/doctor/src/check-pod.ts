import {
  listRawFiles,
  type MetadataVersion,
  NotFoundError,
  type ObjectInfo,
  type RawListing,
} from '@cordwood/log-store';
import { isReferenceFile, MetadataError, mergedVersions, type PodMetadata } from '@cordwood/pod-metadata';
import { mergedPrefixOfPod, metadataKey, parseMergedKey, referencePrefixOfPod } from '@cordwood/s3-key-format';
import { checkContents } from './check-contents.ts';
import { checkLeftovers } from './check-leftovers.ts';
import { checkOrphans } from './check-orphans.ts';
import type { Finding } from './findings.ts';
import type { DoctorOptions } from './options.ts';

/** Merged files without metadata that are older than this are of no first merge that is still in flight. */
const FIRST_MERGE_MS = 15 * 60_000;
/** Raw files may wait this long for their merge before it is mentioned; COMPACTION_INTERVAL is an hour by default. */
const WAITING_MS = 4 * 3_600_000;
/** How often a pod is looked at again when workers changed it meanwhile. */
const TRIES = 3;

/** A pod as it lies in the bucket. */
export interface PodState {
  readonly pod: string;
  readonly metadata: PodMetadata;
  /** What lies where merged files do. */
  readonly objects: ReadonlyMap<string, ObjectInfo>;
  readonly raw: RawListing;
}

/**
 * What is to be said of a pod. The metadata is read before the listings: what it lists then stays for `CLEANUP_DELAY`, whatever workers
 * do meanwhile.
 */
export async function checkPod(options: DoctorOptions, pod: string, signal?: AbortSignal): Promise<Finding[]> {
  for (let tries = 1; ; tries++) {
    let version: MetadataVersion;
    try {
      version = await options.metadata.read(pod, signal);
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      const kind = error.reason === 'newer version' ? 'metadata of a newer version' : 'metadata unreadable';
      const { stray } = await listRawFiles(options.store, pod, signal);
      const unusable: Finding = { kind, pod, key: metadataKey(pod), reason: error.message };
      return [unusable, ...stray.map(({ key, problem }): Finding => ({ kind: 'stray object', pod, key, problem }))];
    }
    const state = await look(options, pod, version.metadata, signal);
    const findings = version.etag === undefined ? withoutMetadata(options, state) : checkFiles(options, state);
    const doubtful = findings.some(({ kind }) => kind === 'file missing' || kind === 'file changed');
    if (doubtful && tries < TRIES && (await hasChanged(options, pod, version, signal))) continue;
    findings.push(...checkRaw(options, state));
    if (version.etag !== undefined) findings.push(...(await checkLeftovers(options, state, signal)));
    if (options.deep) {
      const orphans = findings.filter(({ kind }) => kind === 'orphan').map(({ key }) => key);
      findings.push(...(await checkOrphans(options, state, orphans, signal)));
      findings.push(...(await checkContents(options, state, signal)));
    }
    return findings;
  }
}

async function look(
  options: DoctorOptions,
  pod: string,
  metadata: PodMetadata,
  signal: AbortSignal | undefined,
): Promise<PodState> {
  const prefixes = [mergedPrefixOfPod(pod)];
  // The reference's files are looked for only where there is reason to.
  if (metadata.commit_id === '' || metadata.log_files.some(isReferenceFile)) prefixes.push(referencePrefixOfPod(pod));
  const objects = new Map<string, ObjectInfo>();
  for (const prefix of prefixes) {
    for await (const page of options.store.list({ prefix, ...(signal && { signal }) }))
      for (const object of page.objects) objects.set(object.key, object);
  }
  return { pod, metadata, objects, raw: await listRawFiles(options.store, pod, signal) };
}

async function hasChanged(
  { metadata }: DoctorOptions,
  pod: string,
  before: MetadataVersion,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return (await metadata.read(pod, signal)).etag !== before.etag;
  } catch (error) {
    if (error instanceof MetadataError || error instanceof NotFoundError) return true;
    throw error;
  }
}

function withoutMetadata({ store }: DoctorOptions, { pod, objects, raw }: PodState): Finding[] {
  const files = [...objects.values()].filter(({ key }) => parseMergedKey(key).ok);
  const key = metadataKey(pod);
  if (objects.size + raw.files.length + raw.stray.length === 0) return [{ kind: 'nothing there', pod, key }];
  if (files.length === 0) return [];
  const isFirstMerge =
    raw.files.length > 0 && files.every(({ lastModified }) => store.now() - lastModified < FIRST_MERGE_MS);
  return [{ kind: isFirstMerge ? 'first merge' : 'metadata lost', pod, key, files: files.length }];
}

/** The listed files against those that are there. */
function checkFiles(_options: DoctorOptions, { pod, metadata, objects }: PodState): Finding[] {
  return metadata.log_files.flatMap((file): Finding[] => {
    const { key } = file;
    const object = objects.get(key);
    if (object === undefined) {
      const { records_count: records, first_record_time: first, last_record_time: last } = file;
      return [{ kind: 'file missing', pod, key, records, first, last }];
    }
    const size = file.stored_size ?? object.size;
    const etag = file.etag ?? object.etag;
    if (size === object.size && etag === object.etag) return [];
    const listed = `${size.toString()} bytes, ETag ${etag}`;
    return [{ kind: 'file changed', pod, key, listed, found: `${object.size.toString()} bytes, ETag ${object.etag}` }];
  });
}

function checkRaw({ store }: DoctorOptions, { pod, metadata, objects, raw }: PodState): Finding[] {
  const findings: Finding[] = raw.stray.map(({ key, problem }) => ({ kind: 'stray object', pod, key, problem }));
  for (const { key } of objects.values()) {
    const parsed = parseMergedKey(key);
    if (!parsed.ok) findings.push({ kind: 'stray object', pod, key, problem: parsed.problem });
  }
  const isMerged = mergedVersions(metadata);
  const mergedKeys = new Set(metadata.merged_raw.map(({ key }) => key));
  const waiting = raw.files.filter((file) => !isMerged(file));
  for (const { key } of waiting) if (mergedKeys.has(key)) findings.push({ kind: 'raw file overwritten', pod, key });
  const old = waiting
    .filter(({ lastModified }) => store.now() - lastModified > WAITING_MS)
    .toSorted((a, b) => a.lastModified - b.lastModified);
  const [oldest] = old;
  if (oldest !== undefined) {
    const ageMs = store.now() - oldest.lastModified;
    findings.push({ kind: 'raw files waiting', pod, key: oldest.key, count: old.length, ageMs });
  }
  return findings;
}
