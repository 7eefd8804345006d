import { contentsByInstance, type InstanceContents, lastRecordOf } from './contents.ts';
import type { PodMetadata } from './schema.ts';
import { type Deletion, isFullyUnderstood } from './tombstones.ts';

/** How long a container instance's log is kept after its last record, in ms. Undefined: for ever. */
export interface RetentionRules {
  /** The first pattern that fits the namespace decides. `*` stands for any characters, also none. */
  readonly byNamespace: readonly { readonly pattern: string; readonly keepMs: number | undefined }[];
  /** For all other namespaces. */
  readonly otherwise: number | undefined;
}

export const KEEP_FOR_EVER: RetentionRules = { byNamespace: [], otherwise: undefined };

/** Whether any log is ever to be deleted by its age. */
export const deletesByAge = ({ byNamespace, otherwise }: RetentionRules): boolean =>
  [otherwise, ...byNamespace.map(({ keepMs }) => keepMs)].some((keepMs) => keepMs !== undefined);

/** How long logs of the namespace are kept, in ms. Undefined: for ever, as where nothing tells the namespace. */
export function keptFor(rules: RetentionRules, namespace: string | undefined): number | undefined {
  if (namespace === undefined) return undefined;
  const rule = rules.byNamespace.find(({ pattern }) => fitsPattern(pattern, namespace));
  return rule === undefined ? rules.otherwise : rule.keepMs;
}

/** Whether the name fits the pattern, in which `*` stands for any characters, also none. */
export function fitsPattern(pattern: string, name: string): boolean {
  const [start = '', ...rest] = pattern.split('*');
  const end = rest.pop();
  if (end === undefined) return name === pattern;
  if (!name.startsWith(start) || !name.endsWith(end) || name.length < start.length + end.length) return false;
  const middle = name.slice(start.length, name.length - end.length);
  let at = 0;
  for (const part of rest) {
    const found = middle.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

/** A container instance whose log is older than its namespace keeps logs. */
export interface ExpiredInstance extends Deletion {
  /** When its last record was, as far as is known never later, in ms since 1970. */
  readonly lastRecord: number;
  /** What its namespace keeps, in ms. */
  readonly keptFor: number;
  /** Bytes of its merged files: as stored, or where the reference did not note that, before compression. */
  readonly bytes: number;
  readonly records: number;
}

/** What retention goes by. */
export interface RetentionInput {
  readonly rules: RetentionRules;
  readonly legacyNamespace: string | undefined;
  /** The store's clock, in ms since 1970. */
  readonly now: number;
  /** Whether raw files of this container instance are there that are not merged: its last record is not known then. */
  readonly hasUnmerged: (namespace: string, containerId: string) => boolean;
}

/** The container instances that are to be deleted because of their age. */
export function expiredInstances(metadata: PodMetadata, input: RetentionInput): ExpiredInstance[] {
  if (!isFullyUnderstood(metadata)) return [];
  return [...contentsByInstance(metadata, input.legacyNamespace).values()].flatMap(
    (contents) => expired(contents, input) ?? [],
  );
}

function expired(contents: InstanceContents, { rules, now, hasUnmerged }: RetentionInput): ExpiredInstance | undefined {
  const { namespace, container, containerId, files, damaged } = contents;
  const keepMs = keptFor(rules, namespace);
  const lastRecord = lastRecordOf(contents);
  if (namespace === undefined || keepMs === undefined || lastRecord === undefined) return undefined;
  if (lastRecord > now - keepMs || hasUnmerged(namespace, containerId)) return undefined;
  return {
    namespace,
    container,
    containerId,
    until: now - keepMs,
    reason: 'retention',
    files: files.map(({ key }) => key),
    damaged: [...new Set(damaged.map(({ kept_as }) => kept_as))],
    lastRecord,
    keptFor: keepMs,
    bytes: files.reduce((sum, file) => sum + (file.stored_size ?? file.size), 0),
    records: files.reduce((sum, file) => sum + file.records_count, 0),
  };
}
