import { compareInstants, formatTime, type Instant, parseTime } from '@cordwood/log-record';
import {
  type ContainerInstance,
  earliestOf,
  firstOrderOf,
  hasTrustedTimes,
  type PodLog,
  type RawObject,
} from '@cordwood/log-store';
import type { LogFile, Tombstone } from '@cordwood/pod-metadata';
import { parseMinute } from '@cordwood/s3-key-format';
import type { z } from 'zod';
import type { jobDetailsSchema } from './job-schemas.ts';

type Instance = ContainerInstance<RawObject>;

/** What the metadata and the listing tell of a job, without reading its log. */
export function jobDetails(
  { pod: name, version: { metadata }, stray }: PodLog,
  instances: readonly Instance[],
  deleted: readonly Tombstone[],
): z.output<typeof jobDetailsSchema> {
  const byNamespace = Map.groupBy(instances, ({ namespace }) => namespace ?? null);
  return {
    name,
    last_compaction_time: metadata.last_compaction_time ?? null,
    namespaces: [...byNamespace]
      .toSorted(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))
      .map(([namespace, ofNamespace]) => ({ name: namespace, containers: containerDetails(ofNamespace) })),
    damaged: metadata.damaged.map(({ key, reason, kept_as }) => ({ key, reason, kept_as })),
    // Records up to `until` are gone, whatever else there is of the container.
    deleted: deleted.map(({ namespace, container, container_id, until, deleted_at, reason }) => ({
      namespace,
      container,
      container_id,
      until,
      deleted_at,
      reason,
    })),
    stray: stray.map(({ key, problem }) => ({ key, problem })),
  };
}

function containerDetails(instances: readonly Instance[]) {
  const byContainer = Map.groupBy(instances, ({ container }) => container);
  return [...byContainer]
    .map(([name, ofContainer]) => ({ name, instances: ofContainer.toSorted(compareBegins) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, instances: inOrder }) => ({ name, instances: inOrder.map(instanceDetails) }));
}

function instanceDetails({ containerId, merged, raw }: Instance) {
  return { container_id: containerId, merged: mergedDetails(merged), raw: rawDetails(raw) };
}

function mergedDetails(files: readonly LogFile[]) {
  const times = (pick: (file: LogFile) => string) => files.flatMap((file) => parseTime(pick(file)) ?? []);
  const stored = files.map(({ stored_size }) => stored_size);
  return {
    files: files.length,
    records: sum(files.map(({ records_count }) => records_count)),
    bytes: sum(files.map(({ size }) => size)),
    stored_bytes: stored.includes(undefined) ? null : sum(stored.map((size) => size ?? 0)),
    first_record_time: timeOrNull(earliestOf(times((file) => file.first_record_time))),
    last_record_time: timeOrNull(latestOf(times((file) => file.last_record_time))),
    // What the reference noted down is not always so.
    exact: files.every(hasTrustedTimes),
  };
}

function rawDetails(files: readonly RawObject[]) {
  const dates = files.map(({ parsed }) => parseMinute(parsed.date) ?? 0);
  return {
    files: files.length,
    stored_bytes: sum(files.map(({ size }) => size)),
    first_date: dates.length === 0 ? null : isoSecond(Math.min(...dates)),
    last_date: dates.length === 0 ? null : isoSecond(Math.max(...dates)),
  };
}

/** By what is known of their beginning without opening them: of raw files, the minute in the key. */
function compareBegins(a: Instance, b: Instance): number {
  const [first, second] = [beginOf(a), beginOf(b)];
  const order =
    first === undefined || second === undefined
      ? Number(first === undefined) - Number(second === undefined)
      : compareInstants(first, second);
  return order || (a.containerId < b.containerId ? -1 : 1);
}

const beginOf = ({ merged, raw }: Instance): Instant | undefined =>
  earliestOf([
    ...merged.map(firstOrderOf),
    ...raw.map(({ parsed }) => ({ seconds: parseMinute(parsed.date) ?? 0, nanos: 0 })),
  ]);

const latestOf = (instants: readonly Instant[]): Instant | undefined =>
  instants.reduce<Instant | undefined>(
    (latest, instant) => (latest === undefined || compareInstants(instant, latest) > 0 ? instant : latest),
    undefined,
  );

const timeOrNull = (instant: Instant | undefined): string | null =>
  instant === undefined ? null : formatTime(instant);

const isoSecond = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '');

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
