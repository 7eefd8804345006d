import { parseTime } from '@cordwood/log-record';
import { parseMergedKey, parseMinute, parseRawKey } from '@cordwood/s3-key-format';
import { instanceId, isReferenceFile, ownerOf } from './owner.ts';
import type { DamagedRaw, LogFile, PodMetadata } from './schema.ts';

/** What the metadata lists of one container instance. */
export interface InstanceContents {
  readonly namespace: string | undefined;
  readonly container: string;
  readonly containerId: string;
  readonly files: readonly LogFile[];
  readonly damaged: readonly DamagedRaw[];
}

/** What the metadata lists, by container instance (`instanceId`). Entries whose keys tell no instance are left out. */
export function contentsByInstance(
  metadata: PodMetadata,
  legacyNamespace: string | undefined,
): ReadonlyMap<string, InstanceContents> {
  interface Collected extends InstanceContents {
    files: LogFile[];
    damaged: DamagedRaw[];
  }
  const instances = new Map<string, Collected>();
  const at = (namespace: string | undefined, container: string, containerId: string): Collected => {
    const id = instanceId(namespace, containerId);
    const known = instances.get(id) ?? { namespace, container, containerId, files: [], damaged: [] };
    instances.set(id, known);
    return known;
  };
  for (const file of metadata.log_files) {
    const { namespace, container, containerId } = ownerOf(file, metadata, legacyNamespace);
    const parsed = parseMergedKey(file.key);
    // The reference only knew containers that are named like their pod.
    if (containerId !== '') at(namespace, container ?? (parsed.ok ? parsed.key.pod : ''), containerId).files.push(file);
  }
  for (const entry of metadata.damaged) {
    const owner = ownerOfDamaged(entry);
    if (owner !== undefined) at(owner.namespace, owner.container, owner.containerId).damaged.push(entry);
  }
  return instances;
}

/** A raw file's key tells whose it is; the entry of a merged one says it. */
function ownerOfDamaged(
  entry: DamagedRaw,
): Pick<InstanceContents, 'namespace' | 'container' | 'containerId'> | undefined {
  const raw = parseRawKey(entry.key);
  if (raw.ok) return raw.key;
  const merged = parseMergedKey(entry.key);
  if (!merged.ok || entry.namespace === undefined) return undefined;
  const { pod, containerId } = merged.key;
  return { namespace: entry.namespace, container: entry.container ?? pod, containerId };
}

/** The namespace of what could not be read whole; undefined where nothing tells it. */
export const namespaceOfDamaged = (entry: DamagedRaw): string | undefined => ownerOfDamaged(entry)?.namespace;

const MINUTE = 60_000;

/**
 * An upper bound of the times of the instance's records, in ms since 1970: that of the last record, where that is known. Undefined:
 * nothing tells.
 */
export function lastRecordOf({ files, damaged }: InstanceContents): number | undefined {
  const times = [...files.map(lastRecordOfFile), ...damaged.map(dateOfDamaged)];
  return times.length === 0 || times.includes(undefined) ? undefined : Math.max(...times.map((time) => time ?? 0));
}

function lastRecordOfFile(file: LogFile): number | undefined {
  const last = msOf(file.last_record_time);
  if (last === undefined) return undefined;
  const others = [file.first_record_time, file.order_time, file.end_order_time].map((time) => msOf(time ?? ''));
  const written = isReferenceFile(file) ? writtenAt(file) : 0;
  // The reference noted the first and the last line's time, whatever lies between; but nothing is later than the writing.
  return written === undefined ? undefined : Math.max(last, written, ...others.map((time) => time ?? 0));
}

/** By the end of the minute in its key. */
function writtenAt(file: LogFile): number | undefined {
  const parsed = parseMergedKey(file.key);
  const minute = parsed.ok ? parseMinute(parsed.key.date) : undefined;
  return minute === undefined ? undefined : minute * 1000 + MINUTE;
}

/** The minute of its first record, or of its writing. What could be read of it stands in merged files, with its times. */
function dateOfDamaged(entry: DamagedRaw): number | undefined {
  const raw = parseRawKey(entry.key);
  const parsed = raw.ok ? raw : parseMergedKey(entry.key);
  const minute = parsed.ok ? parseMinute(parsed.key.date) : undefined;
  return minute === undefined ? undefined : minute * 1000 + MINUTE;
}

function msOf(text: string): number | undefined {
  const time = parseTime(text);
  return time === undefined ? undefined : time.seconds * 1000 + time.nanos / 1e6;
}
