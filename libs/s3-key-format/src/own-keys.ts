import { parseMinute } from './minute.ts';
import { isPodName } from './names.ts';
import { type KeyResult, problem } from './result.ts';

/** Merged files lie below this. */
export const MERGED_PREFIX = 'data/';
/** Merged files of the Python reference lie below this; they are read, and never written. */
export const REFERENCE_MERGED_PREFIX = 'logs/';
/** Pod metadata lies below this. */
export const METADATA_PREFIX = 'metadata/';
/** Damaged raw objects are kept below this. */
export const DAMAGED_PREFIX = 'damaged/';
/** Pod metadata that could not be understood is kept below this when it is replaced. */
export const DAMAGED_METADATA_PREFIX = 'damaged-metadata/';

/** The parts of a merged file's key, `data/{pod}/{containerId}/{date}_{index}.gz` (the reference: `logs/…`). */
export interface MergedKey {
  readonly writer: 'cordwood' | 'reference';
  readonly pod: string;
  readonly containerId: string;
  /** When it was written: `YYYYMMDDHHmm`, UTC. */
  readonly date: string;
  /** Decimal digits that make the key unique for ever. */
  readonly index: string;
}

const MERGED_FILE = /^(\d{12})_(\d{1,60})\.gz$/;

/** Takes a merged file's key apart, ours or the reference's. */
export function parseMergedKey(key: string): KeyResult<MergedKey> {
  const writer = key.startsWith(MERGED_PREFIX) ? 'cordwood' : 'reference';
  const prefix = writer === 'cordwood' ? MERGED_PREFIX : REFERENCE_MERGED_PREFIX;
  if (!key.startsWith(prefix)) return problem('not under the prefix');
  if (key.endsWith('/')) return problem('folder marker');
  const [pod = '', containerId = '', file, ...deeper] = key.slice(prefix.length).split('/');
  if (file === undefined || deeper.length > 0) return problem('not two levels deep');
  if (!isPodName(pod)) return problem('name that Kubernetes forbids');
  if (!/^[A-Za-z0-9]+$/.test(containerId)) return problem('no container id');
  const [, date, index] = MERGED_FILE.exec(file) ?? [];
  if (date === undefined || index === undefined) return problem('file is not date_index.gz');
  if (parseMinute(date) === undefined) return problem('date that does not exist');
  return { ok: true, key: { writer, pod, containerId, date, index } };
}

/** The inverse of {@link parseMergedKey}. */
export function formatMergedKey(key: MergedKey): string {
  const prefix = key.writer === 'cordwood' ? MERGED_PREFIX : REFERENCE_MERGED_PREFIX;
  return `${prefix}${key.pod}/${key.containerId}/${key.date}_${key.index}.gz`;
}

/** Below this lie the merged files that Cordwood wrote for the pod. */
export const mergedPrefixOfPod = (pod: string): string => `${MERGED_PREFIX}${pod}/`;

/** Below this lie the merged files that the reference wrote for the pod. */
export const referencePrefixOfPod = (pod: string): string => `${REFERENCE_MERGED_PREFIX}${pod}/`;

/** The key of the pod's metadata. */
export const metadataKey = (pod: string): string => `${METADATA_PREFIX}${pod}.json`;

/** The pod whose metadata this is. */
export function parseMetadataKey(key: string): KeyResult<{ readonly pod: string }> {
  if (!key.startsWith(METADATA_PREFIX) || !key.endsWith('.json')) return problem('not under the prefix');
  const pod = key.slice(METADATA_PREFIX.length, -'.json'.length);
  if (pod.includes('/')) return problem('not two levels deep');
  return isPodName(pod) ? { ok: true, key: { pod } } : problem('name that Kubernetes forbids');
}

/** Where a damaged version of a raw object is kept: under its ETag, since the same key may be written again. */
export const damagedKey = (damaged: { readonly rawKey: string; readonly etag: string }): string =>
  `${DAMAGED_PREFIX}${damaged.etag}/${damaged.rawKey}`;

/** The inverse of {@link damagedKey}. */
export function parseDamagedKey(key: string): KeyResult<{ readonly rawKey: string; readonly etag: string }> {
  const match = /^damaged\/([^/]+)\/(.+)$/.exec(key);
  if (match?.[1] === undefined || match[2] === undefined) return problem('not under the prefix');
  return { ok: true, key: { etag: match[1], rawKey: match[2] } };
}

/** Where a version of a pod's metadata that could not be understood is kept. */
export const damagedMetadataKey = (damaged: { readonly pod: string; readonly etag: string }): string =>
  `${DAMAGED_METADATA_PREFIX}${damaged.pod}/${damaged.etag}.json`;

/** The inverse of {@link damagedMetadataKey}. */
export function parseDamagedMetadataKey(key: string): KeyResult<{ readonly pod: string; readonly etag: string }> {
  const match = /^damaged-metadata\/([^/]+)\/([^/]+)\.json$/.exec(key);
  if (match?.[1] === undefined || match[2] === undefined) return problem('not under the prefix');
  return isPodName(match[1])
    ? { ok: true, key: { pod: match[1], etag: match[2] } }
    : problem('name that Kubernetes forbids');
}
