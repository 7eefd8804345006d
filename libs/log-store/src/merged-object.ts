import { parseTime } from '@cordwood/log-record';
import { isLogFile, type LogFile } from '@cordwood/pod-metadata';
import { parseMergedKey } from '@cordwood/s3-key-format';
import type { ObjectInfo } from './object-store.ts';

/**
 * What a merged object says of itself in its user metadata: enough to rebuild the pod's metadata when that is lost. S3 takes 2 KB of
 * it, in ASCII.
 */

/** Where a merged file comes from: tells which files of a log belong together and which compete. */
export interface Provenance {
  /** Shared by all files that one merge wrote of a container instance. */
  readonly merge: string;
  /** Its place among the files that the merge wrote of the run, from 0. */
  readonly part: number;
  /** How many records stand before the file's first in its run. */
  readonly position: number;
  /** Marks (see {@link markOf}) of files that the log had, and kept, when this one was written: the newest ones. */
  readonly basedOn: ReadonlySet<string>;
}

/** A merged object described by itself. */
export interface DescribedFile {
  readonly file: LogFile;
  /** Unknown for files written before it was kept. */
  readonly provenance: Provenance | undefined;
}

/** As many marks of other files as fit beside the rest. */
const MOST_MARKS = 100;

/** A short mark of a file that hardly any other file of a pod shares: the end of its key's index, which is random. */
export function markOf(key: string): string {
  const parsed = parseMergedKey(key);
  return parsed.ok ? parsed.key.index.slice(-9) : '';
}

/** The user metadata of a merged file. */
export function userMetadata(
  file: LogFile,
  from: Omit<Provenance, 'basedOn'> & { readonly basedOn: readonly LogFile[] },
): Record<string, string> {
  return {
    namespace: file.namespace ?? '',
    container: file.container ?? '',
    'records-count': file.records_count.toString(),
    size: file.size.toString(),
    'first-record-time': file.first_record_time,
    'last-record-time': file.last_record_time,
    'order-time': file.order_time ?? '',
    'end-order-time': file.end_order_time ?? '',
    run: (file.run ?? 0).toString(),
    ...(file.opens_inside && { 'opens-inside': file.opens_inside.join() }),
    ...(file.ends_inside && { 'ends-inside': file.ends_inside.join() }),
    ...(file.last_raw && { 'last-raw': JSON.stringify(file.last_raw) }),
    merge: from.merge,
    part: from.part.toString(),
    position: from.position.toString(),
    'based-on': from.basedOn
      .slice(-MOST_MARKS)
      .map((other) => markOf(other.key))
      .join(),
  };
}

/** The entry that an object's own description gives; undefined when it says too little (the reference's say nothing). */
export function describedFile(
  object: ObjectInfo & { readonly metadata: Readonly<Record<string, string>> },
): DescribedFile | undefined {
  const parsed = parseMergedKey(object.key);
  const said = object.metadata;
  if (!parsed.ok || !said['namespace'] || parseTime(said['order-time'] ?? '') === undefined) return undefined;
  const list = (name: string): string[] | undefined => said[name]?.split(',').filter((item) => item !== '');
  const file = {
    key: object.key,
    records_count: Number(said['records-count']),
    size: Number(said['size']),
    first_record_time: said['first-record-time'] ?? '',
    last_record_time: said['last-record-time'] ?? '',
    order_time: said['order-time'],
    end_order_time: said['end-order-time'],
    namespace: said['namespace'],
    container: said['container'],
    container_id: parsed.key.containerId,
    stored_size: object.size,
    ...(said['opens-inside'] && { opens_inside: list('opens-inside') }),
    ...(said['ends-inside'] && { ends_inside: list('ends-inside') }),
    ...(Number(said['run']) > 0 && { run: Number(said['run']) }),
    ...(said['last-raw'] && { last_raw: jsonOf(said['last-raw']) }),
    etag: object.etag,
  };
  const timed = [file.first_record_time, file.last_record_time].every((time) => parseTime(time) !== undefined);
  if (!timed || !isLogFile(file)) return undefined;
  const { merge, part, position } = said;
  const provenance =
    merge === undefined || part === undefined || position === undefined
      ? undefined
      : { merge, part: Number(part), position: Number(position), basedOn: new Set(list('based-on')) };
  return { file, provenance };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
