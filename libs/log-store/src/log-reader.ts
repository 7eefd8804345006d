import { compareInstants, type Instant } from '@cordwood/log-record';
import { mergedVersions } from '@cordwood/pod-metadata';
import type { InstanceMessagesOptions } from './instance-messages.ts';
import { InstanceOpener, type OpenerOptions } from './instance-opener.ts';
import { instanceText, type ShownMessages } from './instance-text.ts';
import { type ContainerInstance, earliestOf, firstOrderOf, instancesOf } from './instances.ts';
import { DamagedLogError } from './errors.ts';
import type { Damage, OnDamage } from './merged-file.ts';
import type { MetadataStore, MetadataVersion } from './metadata-store.ts';
import type { ObjectStore } from './object-store.ts';
import type { MessageBatch, MessageOptions } from './messages.ts';
import { instancesFrom, messagesOf } from './messages-after.ts';
import type { RawFile, RawObject } from './raw-file.ts';
import { listRawFiles, type StrayObject } from './raw-listing.ts';
import { ReadAhead } from './read-ahead.ts';
import { ReadAheadRoom } from './read-ahead-room.ts';
import { expectInTurn } from './read-records.ts';
import { lastMessages } from './tail.ts';
import { TextWriter } from './text.ts';

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
  /** Bytes that all reads together may hold of files that were fetched ahead, until they are read; 0: none is. Default: 64 MiB. */
  readonly readAhead?: number | undefined;
  /** For specs: bytes of merged files that are read before those in range, where these begin in the middle of a line. */
  readonly lookBack?: number | undefined;
  readonly onDamage: OnDamage;
  /** Called when a read found one of its files replaced by compaction, and goes on with those of now. */
  readonly onReplaced?: (() => void) | undefined;
}

/** Some dozen clients that are slow enough to let files wait: see docs/adr/0024. */
const READ_AHEAD = 64 * 1024 * 1024;

/** A pod's log, as it is right now. */
export interface PodLog {
  readonly pod: string;
  /** Objects among the raw files that are none. */
  readonly stray: readonly StrayObject[];
  readonly instances: readonly ContainerInstance<RawObject>[];
  readonly version: MetadataVersion;
}

export interface ReadOptions {
  /** Only messages at or after this. */
  readonly since?: Instant | undefined;
  /** Whether each message is preceded by its time and a blank. */
  readonly timestamps?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads logs: raw and merged files of a pod as one sequence of messages, whatever compaction does meanwhile (I1). */
export class LogReader {
  private readonly options: LogReaderOptions;
  private readonly room: ReadAheadRoom;

  constructor(options: LogReaderOptions) {
    this.options = options;
    this.room = new ReadAheadRoom(options.readAhead ?? READ_AHEAD);
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
   * Messages of container instances of the log, one instance after the other by their first record. The generator runs no faster than it is
   * read. It throws when what is wanted cannot be given to its end; it never ends early without an error. Where a merged file has
   * lost records, all that is left of the log comes first, and then DamagedLogError. Throws PositionLostError before anything is given
   * when the message `after` which to read is not in the log any more.
   */
  messages(
    instances: readonly ContainerInstance<RawObject>[],
    wanted: MessageOptions = {},
  ): AsyncGenerator<MessageBatch> {
    const { since, until, signal } = wanted;
    if (wanted.tail === 0 || (since && until && compareInstants(since, until) > 0)) return nothing();
    return this.read(instances, signal, (options, all) => {
      const opened = wanted.after === undefined ? all : instancesFrom(all, wanted.after);
      return wanted.tail === undefined
        ? messagesOf(options, opened, wanted, wanted.after)
        : lastMessages(options, opened, wanted, wanted.tail, wanted.after);
    });
  }

  /** All messages of these instances, to be shown as text; some of them are text already. Else as {@link messages}. */
  shown(
    instances: readonly ContainerInstance<RawObject>[],
    { timestamps = false, signal }: Omit<ReadOptions, 'since'>,
  ): AsyncGenerator<ShownMessages> {
    return this.read(instances, signal, async function* (options, opened) {
      expectInTurn(options, opened, {});
      for (const instance of opened) yield* instanceText(options, instance, { timestamps }, signal);
    });
  }

  /** The messages as text, a line each: see {@link messages}. */
  async *text(instances: readonly ContainerInstance<RawObject>[], read: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const { since, timestamps = false, signal } = read;
    const writer = new TextWriter(timestamps);
    const shown = since === undefined ? this.shown(instances, read) : this.messages(instances, { since, signal });
    try {
      for await (const some of shown) yield* 'text' in some ? writer.pass(some.text) : writer.write(some.messages);
    } catch (error) {
      // All that is left comes first.
      if (error instanceof DamagedLogError) yield* writer.end();
      throw error;
    }
    yield* writer.end();
  }

  /** What is read of the instances, opened and in order; and what was found lost at its end. */
  private async *read<T>(
    instances: readonly ContainerInstance<RawObject>[],
    signal: AbortSignal | undefined,
    reading: (options: InstanceMessagesOptions, opened: readonly ContainerInstance<RawFile>[]) => AsyncGenerator<T>,
  ): AsyncGenerator<T> {
    const losses = new Map<string, Damage>();
    const onDamage = (damage: Damage): void => {
      this.options.onDamage(damage);
      if (damage.incomplete) losses.set(damage.key, damage);
    };
    const ahead = new ReadAhead(this.options.store, this.room, signal);
    const opener = new InstanceOpener({ ...this.options, store: ahead, list: (pod, until) => this.list(pod, until) });
    try {
      yield* reading({ ...this.options, ahead, opener, onDamage }, inOrder(await opener.open(instances, signal)));
    } finally {
      ahead.close();
    }
    for (const damage of losses.values()) throw new DamagedLogError(damage);
  }

  private async list(pod: string, signal: AbortSignal | undefined): ReturnType<OpenerOptions['list']> {
    const { instances, version } = await this.open(pod, signal);
    return { instances, damaged: version.metadata.damaged };
  }
}

async function* nothing(): AsyncGenerator<never> {
  // Nothing.
}

/** By their first record. */
const inOrder = (opened: readonly ContainerInstance<RawFile>[]): ContainerInstance<RawFile>[] =>
  opened
    .map((instance) => ({ instance, first: firstOf(instance) }))
    .toSorted((a, b) => compareFirst(a.first, b.first) || (a.instance.containerId < b.instance.containerId ? -1 : 1))
    .map(({ instance }) => instance);

const firstOf = (instance: ContainerInstance<RawFile>): Instant | undefined =>
  earliestOf([...instance.merged.map(firstOrderOf), ...instance.raw.map((file) => file.order)]);

const compareFirst = (a: Instant | undefined, b: Instant | undefined): number =>
  a === undefined || b === undefined ? Number(a === undefined) - Number(b === undefined) : compareInstants(a, b);
