import { createHash } from 'node:crypto';
import { compareInstants, type Instant, parseTime } from '@cordwood/log-record';
import {
  type ContainerInstance,
  earliestOf,
  firstOrderOf,
  hasTrustedTimes,
  type PodLog,
  type RawObject,
} from '@cordwood/log-store';

export type ArchivedInstance = ContainerInstance<RawObject>;

/** The instances of these containers, in any order. */
export const instancesOfContainers = (
  log: PodLog,
  namespace: string | undefined,
  containers: readonly string[],
): ArchivedInstance[] =>
  log.instances.filter((instance) => instance.namespace === namespace && containers.includes(instance.container));

/** When the instance began, as far as its merged files tell: raw files must be read for that. */
export const knownFirst = ({ merged }: ArchivedInstance): Instant | undefined => earliestOf(merged.map(firstOrderOf));

/** Those that began earlier first. `firstOf`: when an instance began. */
export const inOrder = (
  instances: readonly ArchivedInstance[],
  firstOf: (instance: ArchivedInstance) => Instant | undefined,
): ArchivedInstance[] =>
  instances
    .map((instance) => ({ instance, first: firstOf(instance), last: lastKnownMs(instance) }))
    .toSorted((a, b) => compareFirst(a.first, b.first) || a.last - b.last)
    .map(({ instance }) => instance);

const compareFirst = (a: Instant | undefined, b: Instant | undefined): number =>
  a === undefined || b === undefined ? 0 : compareInstants(a, b);

/** When something was last added to the instance's archive, in ms since 1970: not before its last record was written. */
export function lastKnownMs({ merged, raw }: ArchivedInstance): number {
  const records = merged.map((file) => parseTime(hasTrustedTimes(file) ? file.last_record_time : '')?.seconds ?? 0);
  return Math.max(0, ...raw.map(({ lastModified }) => lastModified), ...records.map((seconds) => (seconds + 1) * 1000));
}

const fingerprints = new WeakMap<ArchivedInstance, string>();

/** Tells whether anything about the instance has changed since. */
export function fingerprint(instance: ArchivedInstance): string {
  // Looks are shared: of many followers the first one pays.
  let known = fingerprints.get(instance);
  if (known === undefined) {
    const { merged, raw } = instance;
    const hash = createHash('sha1');
    for (const { key } of merged) hash.update(`${key}\n`);
    for (const { key, etag } of raw) hash.update(`${key} ${etag}\n`);
    fingerprints.set(instance, (known = hash.digest('base64')));
  }
  return known;
}
