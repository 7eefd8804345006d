import { compareInstants, type Instant, type LogRecord, recordTime, shiftInstant } from '@cordwood/log-record';
import {
  DamagedLogError,
  type LogReader,
  type MessageBatch,
  type MessageMark,
  NotFoundError,
  PositionLostError,
} from '@cordwood/log-store';
import { type ArchivedInstance, fingerprint } from './pod-archive.ts';

/** A file that was read whole, and holds nothing within so many ms of what is read next, is not read again. */
const FILE_OVERLAP = 60_000;

export interface TailOptions {
  readonly archive: Pick<LogReader, 'messages'>;
  readonly signal: AbortSignal;
  /** Told about merged files that have lost records: what is left of the log comes first. */
  lose(error: DamagedLogError): void;
}

/** Reads the archive of one container instance as it grows: each time what has come after the message that was read last. */
export class InstanceTail {
  private readonly options: TailOptions;
  private readonly since: Instant | undefined;
  private place: MessageMark | undefined;
  private seen: string | undefined;
  /** The latest time that was read so far. */
  private latest: Instant | undefined;
  /** By raw file that was read whole: what it holds is not later than this. */
  private readFiles = new Map<string, Instant>();

  /** `since`: where to begin, when no place is given. */
  constructor(options: TailOptions, since: Instant | undefined, place?: MessageMark) {
    this.options = options;
    this.since = since;
    this.place = place;
    this.latest = place?.time ?? since;
  }

  /** The place of the message that was read last. */
  get mark(): MessageMark | undefined {
    return this.place;
  }

  /** Goes on after this message, which may not be in the archive yet; undefined: at the beginning. */
  goOnAfter(mark: MessageMark | undefined): void {
    this.place = mark;
    if (mark !== undefined) this.noteTime(mark.time);
  }

  /** Whether there may be more than was read. */
  hasChanged(instance: ArchivedInstance): boolean {
    return fingerprint(instance) !== this.seen;
  }

  /** What has come since. Throws PositionLostError when the place to go on is not in the archive. */
  async *more(instance: ArchivedInstance, unfinished: boolean): AsyncGenerator<MessageBatch> {
    const trimmed = this.withoutRead(instance);
    try {
      yield* this.read(trimmed, unfinished);
    } catch (error) {
      if (!(error instanceof PositionLostError) || trimmed === instance) throw error;
      yield* this.read(instance, unfinished);
    }
    this.noteRead(instance);
  }

  /** What has come since; what is later than the place, when that is not in the archive any more. Nothing when all of it was deleted. */
  async *moreOrLater(instance: ArchivedInstance, unfinished: boolean): AsyncGenerator<MessageBatch> {
    try {
      yield* this.more(instance, unfinished);
    } catch (error) {
      if (error instanceof PositionLostError) yield* this.later(instance, unfinished);
      else if (!(error instanceof NotFoundError)) throw error;
    }
  }

  /** What is later than the place, for when it is not in the archive. */
  async *later(instance: ArchivedInstance, unfinished: boolean): AsyncGenerator<MessageBatch> {
    const { place } = this;
    const isLater = (message: LogRecord): boolean =>
      place === undefined || compareInstants(recordTime(message), place.time) > 0;
    this.place = undefined;
    try {
      yield* this.read(instance, unfinished, { since: place?.time ?? this.since, wanted: isLater });
    } finally {
      this.restore(place);
    }
    this.noteRead(instance);
  }

  private restore(place: MessageMark | undefined): void {
    this.place ??= place;
  }

  private async *read(
    instance: ArchivedInstance,
    unfinished: boolean,
    range: { since?: Instant | undefined; wanted?: (message: LogRecord) => boolean } = {},
  ): AsyncGenerator<MessageBatch> {
    const { archive, signal } = this.options;
    const where = this.place === undefined ? { since: this.since, ...range } : { after: this.place };
    try {
      for await (const batch of archive.messages([instance], { ...where, unfinished, signal })) {
        this.advance(batch);
        yield batch;
      }
    } catch (error) {
      if (!(error instanceof DamagedLogError)) throw error;
      this.options.lose(error);
    }
  }

  private advance(batch: MessageBatch): void {
    this.place = batch.markOf(batch.messages.length - 1);
    for (const message of batch.messages) this.noteTime(recordTime(message));
  }

  private noteTime(time: Instant): void {
    if (this.latest === undefined || compareInstants(time, this.latest) > 0) this.latest = time;
  }

  private noteRead(instance: ArchivedInstance): void {
    this.seen = fingerprint(instance);
    const { latest } = this;
    const before = this.readFiles;
    this.readFiles = new Map();
    if (latest === undefined) return;
    for (const file of instance.raw) this.readFiles.set(idOf(file), before.get(idOf(file)) ?? latest);
  }

  /** Most of what is not merged yet was read long ago: a minute's file is new, and sixty are there. */
  private withoutRead(instance: ArchivedInstance): ArchivedInstance {
    const { place } = this;
    if (place === undefined || this.readFiles.size === 0) return instance;
    const limit = shiftInstant(place.findFrom, -FILE_OVERLAP);
    const raw = instance.raw.filter((file) => {
      const until = this.readFiles.get(idOf(file));
      return until === undefined || compareInstants(until, limit) >= 0;
    });
    return raw.length === instance.raw.length ? instance : { ...instance, raw };
  }
}

const idOf = ({ key, etag }: { readonly key: string; readonly etag: string }): string => `${key}/${etag}`;
