import { compareInstants, type Instant, parseTime } from '@cordwood/log-record';
import { type LogFile, mergedVersions } from '@cordwood/pod-metadata';
import pLimit from 'p-limit';
import { Deduplicator } from './deduplicator.ts';
import { NotFoundError } from './errors.ts';
import { mergedSources, rawSources } from './instance-records.ts';
import { type ContainerInstance, earliestOf, firstOrderOf, hasTrustedTimes, instancesOf } from './instances.ts';
import { join } from './join.ts';
import { mergedRecords, type OnDamage } from './merged-file.ts';
import { MergedIdentities } from './merged-identities.ts';
import { type MetadataStore, type MetadataVersion } from './metadata-store.ts';
import type { ObjectStore } from './object-store.ts';
import { RawFile, type RawObject } from './raw-file.ts';
import { listRawFiles, type StrayObject } from './raw-listing.ts';
import { arrange } from './runs.ts';
import { TextWriter } from './text.ts';

/** Raw files whose beginning is fetched at the same time. */
const PARALLEL_OPENS = 16;
/** Raw files up to this size are fetched once and kept; larger ones are looked at first and streamed later. */
const KEEP_UP_TO = 64 * 1024;
/** Bytes of raw files that are kept by one read. */
const KEPT_IN_ALL = 8 * 1024 * 1024;
/** How often a read starts over because compaction overtook it, before it gives up. */
const REOPENINGS = 5;

export interface LogReaderOptions {
  readonly store: ObjectStore;
  readonly metadata: MetadataStore;
  /** REORDER_WINDOW, in ms. */
  readonly reorderWindow: number;
  /** MAX_RECORD and MAX_MESSAGE, in bytes. */
  readonly maxRecord: number;
  readonly maxMessage: number;
  /** Whose the files of the reference are. */
  readonly legacyNamespace: string | undefined;
  readonly onDamage: OnDamage;
}

/** A pod's log, as it is right now. */
export interface PodLog {
  readonly pod: string;
  /** Objects among the raw files that are none. */
  readonly stray: readonly StrayObject[];
  readonly instances: readonly ContainerInstance<RawObject>[];
  readonly version: MetadataVersion;
}

export interface ReadOptions {
  readonly since?: Instant | undefined;
  readonly timestamps?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads logs: raw and merged files of a pod as one text, whatever compaction does meanwhile (I1). */
export class LogReader {
  private readonly options: LogReaderOptions;

  constructor(options: LogReaderOptions) {
    this.options = options;
  }

  /**
   * What there is of the pod's log. The raw files are listed before the metadata is read: what is merged in between is then
   * in both, and counted once; the other way round it could be in neither (I7). Throws MetadataError.
   */
  async open(pod: string, signal?: AbortSignal): Promise<PodLog> {
    const { store, metadata, legacyNamespace } = this.options;
    const listing = await listRawFiles(store, pod, signal);
    const version = await metadata.read(pod, signal);
    const isMerged = mergedVersions(version.metadata);
    const raw = listing.files.filter((file) => !isMerged(file));
    return { pod, version, stray: listing.stray, instances: instancesOf(pod, version.metadata, raw, legacyNamespace) };
  }

  /**
   * The text of container instances of the log, one after the other by their first record. The generator runs no faster than it
   * is read. It throws when the text cannot be finished; it never ends early without an error.
   */
  async *text(instances: readonly ContainerInstance<RawObject>[], read: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const opened = await this.openRawFiles(instances, read.signal);
    const inOrder = opened
      .map((instance) => ({ instance, first: firstOf(instance) }))
      .toSorted((a, b) => compareFirst(a.first, b.first) || (a.instance.containerId < b.instance.containerId ? -1 : 1));
    for (const { instance } of inOrder) yield* this.instanceText(instance, read);
  }

  private async *instanceText(instance: ContainerInstance<RawFile>, read: ReadOptions): AsyncGenerator<Uint8Array> {
    const { store, onDamage, reorderWindow, maxMessage } = this.options;
    const readMerged = (file: LogFile): ReturnType<typeof mergedRecords> =>
      mergedRecords(store, file, onDamage, read.signal);
    const runs = arrange(instance.merged, instance.raw, reorderWindow);
    const sources = runs.map((run) => [
      ...mergedSources(store, withoutBefore(run.merged, read.since), onDamage, read.signal),
      ...rawSources(run),
    ]);
    const identities = new MergedIdentities(
      instance.merged.map((file) => ({ file, trusted: hasTrustedTimes(file) })),
      readMerged,
    );
    const deduplicator = new Deduplicator(identities, reorderWindow);
    const writer = new TextWriter(
      { timestamps: read.timestamps ?? false, since: read.since, maxMessage },
      runs.map((run) => startsInside(run.merged, read.since)),
    );
    for await (const batch of join(sources)) yield* writer.write(await deduplicator.filter(batch), batch.run);
    yield* writer.end();
    for (const { key, damage } of instance.raw) if (damage !== undefined) onDamage({ key, reason: damage });
  }

  /**
   * Opens the raw files, which tells where they belong. One that is gone by now was merged and cleaned since it was listed, so its
   * records are in the metadata's files of now.
   */
  private async openRawFiles(
    instances: readonly ContainerInstance<RawObject>[],
    signal: AbortSignal | undefined,
  ): Promise<ContainerInstance<RawFile>[]> {
    let current = instances;
    for (let tries = 1; ; tries++) {
      try {
        return await this.tryOpenRawFiles(current, signal);
      } catch (error) {
        const [first] = instances;
        if (!(error instanceof NotFoundError) || first === undefined || tries >= REOPENINGS) throw error;
        const fresh = await this.open(first.pod, signal);
        current = fresh.instances.filter((each) => instances.some((wanted) => isSameInstance(each, wanted)));
        // Files of which nothing is left anywhere were not merged: somebody else deleted them.
        if (current.length < instances.length) throw error;
      }
    }
  }

  private async tryOpenRawFiles(
    instances: readonly ContainerInstance<RawObject>[],
    signal: AbortSignal | undefined,
  ): Promise<ContainerInstance<RawFile>[]> {
    const limit = pLimit(PARALLEL_OPENS);
    let room = KEPT_IN_ALL;
    const open = async (object: RawObject): Promise<RawFile> => {
      const keep = object.size <= Math.min(KEEP_UP_TO, room);
      if (keep) room -= object.size;
      return limit(async () =>
        RawFile.open(this.options.store, object, { ...this.options, keepUpTo: keep ? KEEP_UP_TO : 0, signal }),
      );
    };
    return Promise.all(
      instances.map(async (instance) => ({ ...instance, raw: await Promise.all(instance.raw.map(open)) })),
    );
  }
}

const isSameInstance = (a: ContainerInstance<unknown>, b: ContainerInstance<unknown>): boolean =>
  a.namespace === b.namespace && a.containerId === b.containerId;

/** The files of a run without those at its beginning that hold nothing at or after `since`. */
function withoutBefore(files: readonly LogFile[], since: Instant | undefined): readonly LogFile[] {
  if (since === undefined) return files;
  const from = files.findIndex((file) => {
    // The reference's times are not trusted to say no.
    const last = hasTrustedTimes(file) ? parseTime(file.last_record_time) : undefined;
    return last === undefined || compareInstants(last, since) >= 0;
  });
  return from < 0 ? [] : files.slice(from);
}

/** Streams that are in the middle of a line where reading begins. */
function startsInside(files: readonly LogFile[], since: Instant | undefined): ('stdout' | 'stderr')[] {
  const read = withoutBefore(files, since);
  if (read.length === files.length) return [];
  return (read[0] === undefined ? files.at(-1)?.ends_inside : read[0].opens_inside) ?? [];
}

const firstOf = (instance: ContainerInstance<RawFile>): Instant | undefined =>
  earliestOf([...instance.merged.map(firstOrderOf), ...instance.raw.map((file) => file.order)]);

const compareFirst = (a: Instant | undefined, b: Instant | undefined): number =>
  a === undefined || b === undefined ? Number(a === undefined) - Number(b === undefined) : compareInstants(a, b);
