import { randomUUID } from 'node:crypto';
import { uniqueIndex } from '@cordwood/compaction';
import { mergedRecords, mergedText, MergedWriter, NotFoundError, type ObjectInfo } from '@cordwood/log-store';
import {
  applyReplacement,
  type DamagedRaw,
  isReferenceFile,
  type LogFile,
  ownerOf,
  type PodMetadata,
  type Replacement,
} from '@cordwood/pod-metadata';
import { damagedKey } from '@cordwood/s3-key-format';
import { problemOf } from './check-contents.ts';
import type { RepairOptions } from './repair.ts';

/** A merged file that is not what its entry says, with the object that is there. */
interface Doubtful {
  readonly pod: string;
  readonly metadata: PodMetadata;
  readonly file: LogFile;
  readonly object: ObjectInfo;
}

/** What takes an entry's place, and what to say of it. */
interface Correction {
  readonly replacement: Replacement;
  readonly done: string;
}

/**
 * Makes the entries of those of these files that are still listed say what is there. A file that holds exactly the records listed gets
 * its ETag and size. Another is touched only with `acceptDamage`: what can be read of it is written to a new file, which takes its place;
 * if that is less than what was listed, a copy of the damaged file is kept, and listed. Throws CommitLostError when a worker was faster.
 */
export async function correctEntries(
  options: RepairOptions,
  pod: string,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { store, metadata, onDone } = options;
  const version = await metadata.read(pod, signal);
  const corrections: Correction[] = [];
  for (const file of version.metadata.log_files.filter(({ key }) => keys.includes(key))) {
    try {
      const object = await store.head(file.key, signal);
      const correction = await correct(options, { pod, metadata: version.metadata, file, object }, signal);
      if (correction !== undefined) corrections.push(correction);
    } catch (error) {
      // It is missing, then.
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  if (corrections.length === 0) return;
  const replacements = corrections.map(({ replacement }) => replacement);
  const commit = { commitId: randomUUID(), now: store.now() };
  await metadata.commit(pod, version, applyReplacement(version.metadata, replacements, commit), signal);
  for (const { done } of corrections) onDone(done);
}

async function correct(
  options: RepairOptions,
  doubtful: Doubtful,
  signal: AbortSignal | undefined,
): Promise<Correction | undefined> {
  const { file, object } = doubtful;
  const { key } = file;
  const problem = (await problemOf(options, file, signal)) ?? (await problemOfSize(options, file, signal));
  if (problem !== undefined) return options.acceptDamage ? writeAnew(options, doubtful, problem, signal) : undefined;
  if (file.etag === object.etag && file.stored_size === object.size) return undefined;
  const written = [{ ...file, etag: object.etag, stored_size: object.size }];
  return {
    replacement: { key, written, damaged: [] },
    done: `corrected the entry of ${key}: its records are as listed`,
  };
}

async function problemOfSize(
  { store }: RepairOptions,
  file: LogFile,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  // The reference's sizes are hints.
  if (isReferenceFile(file)) return undefined;
  let size = 0;
  for await (const chunk of mergedText(store, file, signal)) size += chunk.length;
  return size === file.size
    ? undefined
    : `${size.toString()} bytes of records, where the metadata says ${file.size.toString()}`;
}

async function writeAnew(
  options: RepairOptions,
  { pod, metadata, file, object }: Doubtful,
  reason: string,
  signal: AbortSignal | undefined,
): Promise<Correction> {
  const { store, mergedFileSize, legacyNamespace } = options;
  const { key } = file;
  const { etag } = object;
  const ownerIn = (each: LogFile) => ownerOf(each, metadata, legacyNamespace);
  const { namespace = '', container = pod, containerId } = ownerIn(file);
  const isSibling = (each: LogFile): boolean =>
    each !== file && ownerIn(each).containerId === containerId && (ownerIn(each).namespace ?? '') === namespace;
  const before = metadata.log_files.slice(0, metadata.log_files.indexOf(file)).filter(isSibling);
  const run = file.run ?? 0;
  const writer = new MergedWriter({
    store,
    pod,
    namespace,
    container,
    containerId,
    run,
    tail: before.filter((each) => (each.run ?? 0) === run),
    known: metadata.log_files.filter(isSibling),
    merge: uniqueIndex(),
    rewriteTail: false,
    limit: mergedFileSize,
    uniqueIndex,
    signal,
  });
  let count = 0;
  for await (const records of mergedRecords(store, file, () => undefined, signal)) {
    count += records.length;
    await writer.write(file, records);
  }
  const { written } = await writer.finish(file.last_raw ?? {});
  const lost = Math.max(0, file.records_count - count);
  const damaged: DamagedRaw[] = [];
  if (lost > 0) {
    const keptAs = damagedKey({ rawKey: key, etag });
    await store.copy(key, keptAs, { ifMatch: etag, ...(signal && { signal }) });
    const what = `${reason}; ${lost.toString()} of ${file.records_count.toString()} records are lost`;
    damaged.push({ key, etag, reason: what, kept_as: keptAs, namespace, container });
  }
  const outcome =
    written.length === 0
      ? 'nothing of it can be read, its entry is dropped'
      : `written anew as ${written.map((each) => each.key).join(', ')} with ${count.toString()} records`;
  const said =
    lost === 0
      ? 'none is lost'
      : `${lost.toString()} are lost, the damaged file is kept as ${damaged[0]?.kept_as ?? ''}`;
  return { replacement: { key, written, damaged }, done: `${key}: ${outcome}; ${said}` };
}
