import { parseTime } from '@cordwood/log-record';
import { z } from 'zod';

/**
 * The shape of `metadata/{pod}.json`, as it is stored. Version 2 is ours; a file without `version` was written by the Python
 * reference. Fields that are not known here survive a rewrite.
 */

const streams = z.array(z.enum(['stdout', 'stderr']));

const rawName = z.looseObject({ date: z.string(), index: z.string() });

/** The last raw files that went into a merged file: what the next one is compared with to know whether it follows. */
const lastRaw = z.looseObject({
  /** Ordering time of the last file's first record. */
  order_time: z.string().optional(),
  /** The last file whose date is that of its first record, as normal. */
  dated: rawName.optional(),
  /** The last file with another date: a buffer left over from a restart has the restart's. */
  misdated: rawName.optional(),
});

export const logFile = z.looseObject({
  key: z.string(),
  records_count: z.number().int().nonnegative(),
  /** Bytes of uncompressed records. */
  size: z.number().nonnegative(),
  first_record_time: z.string(),
  last_record_time: z.string(),
  /** Ordering time of the first record in the file, and of the last. */
  order_time: z.string().optional(),
  end_order_time: z.string().optional(),
  namespace: z.string().optional(),
  container: z.string().optional(),
  container_id: z.string().optional(),
  stored_size: z.number().nonnegative().optional(),
  etag: z.string().optional(),
  /** Streams whose first record in the file continues a partial line of an earlier file. */
  opens_inside: streams.optional(),
  /** Streams with a partial line that is unfinished at the file's end. */
  ends_inside: streams.optional(),
  /**
   * Files of one run stand in order, one after the other. Run 0 (also: absent) is the log as it was delivered; records of further
   * runs arrived late, and are read at their time among those of the others.
   */
  run: z.number().int().nonnegative().optional(),
  last_raw: lastRaw.optional(),
  /** This file's run cannot become one with others, it was tried: it has parts of lines, or is damaged. */
  lone: z.boolean().optional(),
});

/** What ages are measured by: one that cannot be read must not pass for long ago. */
const stamp = z.string().refine((text) => parseTime(text) !== undefined, 'not a time');

const mergedRaw = z.looseObject({ key: z.string(), etag: z.string(), merged_at: stamp });
const superseded = z.looseObject({ key: z.string(), since: stamp });
const damaged = z.looseObject({
  key: z.string(),
  etag: z.string(),
  reason: z.string(),
  kept_as: z.string(),
  /** Of a merged file: its key does not tell them. */
  namespace: z.string().optional(),
  container: z.string().optional(),
});

/**
 * What is left of a container instance's log that was deleted. Records up to `until` (inclusive, by ordering time) stay deleted, also
 * those that arrive later; newer ones are kept.
 */
const tombstone = z.looseObject({
  namespace: z.string(),
  container: z.string(),
  container_id: z.string(),
  until: stamp,
  deleted_at: stamp,
  /** `retention`: it had become too old. `request`: somebody asked for it. */
  reason: z.enum(['retention', 'request']),
});

/** What the reference writes. `last_merged_key` and the time are null or absent before its first merge. */
export const referenceSchema = z.looseObject({
  /** Required: metadata that says nothing of files would make orphans of all there are. */
  log_files: z.array(logFile),
  last_compaction_time: z.string().nullish(),
  last_merged_key: z.string().nullish(),
});

export const currentSchema = referenceSchema.extend({
  version: z.literal(2),
  commit_id: z.string(),
  merged_raw: z.array(mergedRaw).default([]),
  superseded: z.array(superseded).default([]),
  damaged: z.array(damaged).default([]),
  deleted: z.array(tombstone).default([]),
  /** The reference's `last_merged_key` at the time of the upgrade: it tells whose its entries are when nothing else does. */
  reference_last_merged_key: z.string().optional(),
});

/** One merged file of a log. */
export type LogFile = z.infer<typeof logFile>;
export type LastRaw = z.infer<typeof lastRaw>;
/** A raw object that is merged, and not known to be deleted. */
export type MergedRaw = z.infer<typeof mergedRaw>;
/** An object that could not be read whole, raw or merged, and the copy that is kept of it. */
export type DamagedRaw = z.infer<typeof damaged>;
export type Tombstone = z.infer<typeof tombstone>;
/** Metadata of a pod, of the current version. */
export type PodMetadata = z.infer<typeof currentSchema>;
