import { formatTime, parseTime } from '@cordwood/log-record';
import type { DamagedRaw, LogFile, MergedRaw, PodMetadata } from './schema.ts';

/**
 * Everything that may happen to pod metadata, as functions from one value to the next. Times are the store's clock in ms since 1970;
 * the commit id comes from outside and is new for every write.
 */

/** One version of a raw object. The key alone does not identify it: Fluent Bit may write it again with other content. */
export interface RawVersion {
  readonly key: string;
  readonly etag: string;
}

/** What every commit states. */
export interface Commit {
  readonly commitId: string;
  readonly now: number;
}

const instant = (ms: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(ms / 1000),
  nanos: Math.round((((ms % 1000) + 1000) % 1000) * 1e6),
});

/** A time as metadata spells it: microseconds and `+00:00`, which the reference reads too. */
export const formatStamp = (ms: number): string => `${formatTime(instant(ms)).slice(0, -4)}+00:00`;

/** Ms since 1970 of a stamp; one that cannot be read counts as long ago. */
export function stampMs(stamp: string): number {
  const time = parseTime(stamp);
  return time === undefined ? 0 : time.seconds * 1000 + time.nanos / 1e6;
}

const versionId = (raw: RawVersion): string => `${raw.etag}\n${raw.key}`;

/** A test for membership in the merged raw versions: exact, by key and ETag, whatever the date or index (I4). */
export function mergedVersions(metadata: PodMetadata): (raw: RawVersion) => boolean {
  const merged = new Set(metadata.merged_raw.map(versionId));
  return (raw) => merged.has(versionId(raw));
}

/** What a merge did. */
export interface Merge {
  /** New merged files, in their order. */
  readonly written: readonly LogFile[];
  /** Keys of merged files whose records now stand in the new ones. */
  readonly replaced: readonly string[];
  /** Entries of files that stay, with what was found out about them. */
  readonly changed?: readonly LogFile[];
  /** Raw versions whose records are now in merged files. */
  readonly mergedRaw: readonly RawVersion[];
  readonly damaged: readonly DamagedRaw[];
}

/** The metadata after a merge. Files of the same run are appended; what they replace is listed to be deleted later (I5). */
export function applyMerge(metadata: PodMetadata, merge: Merge, commit: Commit): PodMetadata {
  const stamp = formatStamp(commit.now);
  const replaced = new Set(merge.replaced);
  const changed = new Map(merge.changed?.map((file) => [file.key, file]));
  const last = merge.mergedRaw.at(-1);
  // A raw version whose copy is to be deleted with an old log may arrive once more: then the copy has to stay.
  const kept = new Set(merge.damaged.map(({ kept_as }) => kept_as));
  return {
    ...metadata,
    commit_id: commit.commitId,
    last_compaction_time: stamp,
    ...(last !== undefined && { last_merged_key: last.key }),
    log_files: [
      ...metadata.log_files.filter((file) => !replaced.has(file.key)).map((file) => changed.get(file.key) ?? file),
      ...merge.written,
    ],
    merged_raw: [...metadata.merged_raw, ...merge.mergedRaw.map(({ key, etag }) => ({ key, etag, merged_at: stamp }))],
    superseded: [
      ...metadata.superseded.filter(({ key }) => !kept.has(key)),
      ...merge.replaced.map((key) => ({ key, since: stamp })),
    ],
    damaged: [...metadata.damaged, ...merge.damaged],
  };
}

/** What may be deleted now, and when (ms since 1970) something next may be; `nextDue` is undefined when nothing is left then. */
export interface DueForCleaning {
  readonly superseded: readonly string[];
  readonly raw: readonly MergedRaw[];
  readonly nextDue: number | undefined;
}

/** What has been merged or superseded for `delay` ms. */
export function dueForCleaning(metadata: PodMetadata, now: number, delay: number): DueForCleaning {
  const waiting: number[] = [];
  const isDue = (stamp: string): boolean => {
    const dueAt = stampMs(stamp) + delay;
    if (dueAt > now) waiting.push(dueAt);
    return dueAt <= now;
  };
  const superseded = metadata.superseded.filter((file) => isDue(file.since)).map((file) => file.key);
  const raw = metadata.merged_raw.filter((version) => isDue(version.merged_at));
  return { superseded, raw, nextDue: waiting.length === 0 ? undefined : Math.min(...waiting) };
}

/** The metadata after these were deleted, or found to be gone already. */
export function applyClean(
  metadata: PodMetadata,
  clean: { readonly superseded: readonly string[]; readonly raw: readonly RawVersion[] },
  commit: Pick<Commit, 'commitId'>,
): PodMetadata {
  const superseded = new Set(clean.superseded);
  const raw = new Set(clean.raw.map(versionId));
  return {
    ...metadata,
    commit_id: commit.commitId,
    superseded: metadata.superseded.filter((file) => !superseded.has(file.key)),
    merged_raw: metadata.merged_raw.filter((version) => !raw.has(versionId(version))),
  };
}

/** The same log under a new commit id: whoever read the metadata before cannot commit any more (I5). */
export const applyFence = (metadata: PodMetadata, commit: Pick<Commit, 'commitId'>): PodMetadata => ({
  ...metadata,
  commit_id: commit.commitId,
});

/** The metadata without the entries of these merged files, which are gone: the rest of the log can be read again. */
export const applyDrop = (
  metadata: PodMetadata,
  gone: readonly string[],
  commit: Pick<Commit, 'commitId'>,
): PodMetadata => ({
  ...metadata,
  commit_id: commit.commitId,
  log_files: metadata.log_files.filter(({ key }) => !gone.includes(key)),
});

/** What takes the place of a merged file that is not what its entry says. */
export interface Replacement {
  readonly key: string;
  /** The entries instead of its own: none, its own corrected, or those of new files. */
  readonly written: readonly LogFile[];
  /** What of it is lost. */
  readonly damaged: readonly DamagedRaw[];
}

/** The metadata with these entries replaced, each at its place. Files that are not listed any more are to be deleted later. */
export function applyReplacement(
  metadata: PodMetadata,
  replacements: readonly Replacement[],
  commit: Commit,
): PodMetadata {
  const byKey = new Map(replacements.map((each) => [each.key, each]));
  const gone = replacements.filter(({ key, written }) => !written.some((file) => file.key === key));
  const damaged = replacements.flatMap((each) => each.damaged);
  const kept = new Set(damaged.map(({ kept_as }) => kept_as));
  return {
    ...metadata,
    commit_id: commit.commitId,
    log_files: metadata.log_files.flatMap((file) => byKey.get(file.key)?.written ?? [file]),
    superseded: [
      ...metadata.superseded.filter(({ key }) => !kept.has(key)),
      ...gone.map(({ key }) => ({ key, since: formatStamp(commit.now) })),
    ],
    damaged: [...metadata.damaged, ...damaged],
  };
}

/**
 * Data files that no metadata lists. `due` are older than `orphanAge` ms; `nextDue` is when (ms since 1970) the next one will be.
 */
export function findOrphans(
  metadata: PodMetadata,
  files: readonly { readonly key: string; readonly lastModified: number }[],
  now: number,
  orphanAge: number,
): { readonly due: readonly string[]; readonly nextDue: number | undefined } {
  const listed = new Set([...metadata.log_files, ...metadata.superseded].map((file) => file.key));
  const orphans = files.filter((file) => !listed.has(file.key));
  const dueAt = orphans.map((file) => file.lastModified + orphanAge).filter((at) => at > now);
  return {
    due: orphans.filter((file) => file.lastModified + orphanAge <= now).map((file) => file.key),
    nextDue: dueAt.length === 0 ? undefined : Math.min(...dueAt),
  };
}
