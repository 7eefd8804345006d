import type { Instant, LogRecord } from '@cordwood/log-record';

/** Which container instance a message is of. */
export interface InstanceName {
  /** Unknown only for files of the reference whose namespace nothing tells. */
  readonly namespace: string | undefined;
  readonly container: string;
  readonly containerId: string;
}

/** Consecutive messages of one container instance: records whose parts are joined, as they are shown to people. At least one. */
export interface MessageBatch {
  readonly instance: InstanceName;
  /** Their `part` means nothing any more. */
  readonly messages: LogRecord[];
  /** The mark of one of the messages. Costs a hash: ask for what is used only. */
  markOf(index: number): MessageMark;
}

/** A message of a log that can be found again, whatever compaction does: merging keeps messages, and only inserts (ADR 11). */
export interface MessageMark {
  readonly namespace: string | undefined;
  readonly containerId: string;
  /** The message's time (`recordTime`). */
  readonly time: Instant;
  /** Of its text, without its stream, which the live log does not tell (`textHash`). */
  readonly hash: number;
  /** Which one it is among the messages of the instance with this time, whatever their text; 1 for the first (`MessageCounter`). */
  readonly nth: number;
  /**
   * Reading again finds the message, and after it what followed, when it begins with the files that hold something at or after this: the
   * earliest of its time, its ordering time, and those of the first parts of lines that were not joined yet at that point.
   */
  readonly findFrom: Instant;
  /** Streams in the middle of a line that is too long to be joined: none of its beginning need be read. Absent: none. */
  readonly unjoined?: readonly ('stdout' | 'stderr')[] | undefined;
}

export interface MessageOptions {
  /** Only messages at or after this, and at or before that. */
  readonly since?: Instant | undefined;
  readonly until?: Instant | undefined;
  /** Only messages after this one. Instances that stand before its instance are left out. */
  readonly after?: MessageMark | undefined;
  /**
   * Only so many at the end, of those that fit otherwise. 0 gives nothing; who wants to go on at the end of the log asks for 1 and takes
   * its mark.
   */
  readonly tail?: number | undefined;
  /** Only messages for which this is true. */
  readonly wanted?: ((message: LogRecord) => boolean) | undefined;
  /** Whether lines in parts whose last part has not come are given, at the end of their instance. Default true. */
  readonly unfinished?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}
