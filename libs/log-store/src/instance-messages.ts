import { compareInstants, type Instant, type LogRecord, orderTime } from '@cordwood/log-record';
import type { ContainerInstance } from './instances.ts';
import { type CutStream, MessageAssembler } from './message-assembler.ts';
import { MessagesOfInstance } from './message-batch.ts';
import { MessageCounter, WINDOW } from './message-counter.ts';
import type { MessageSeek } from './message-seek.ts';
import type { MessageOptions } from './messages.ts';
import type { RawFile } from './raw-file.ts';
import type { FilesInRange, Range } from './file-range.ts';
import { type ReadRange, readRecords, type ReadRecordsOptions } from './read-records.ts';

export interface InstanceMessagesOptions extends ReadRecordsOptions {
  /** MAX_MESSAGE, in bytes. */
  readonly maxMessage: number;
}

export type Filter = Pick<MessageOptions, 'since' | 'until' | 'wanted' | 'unfinished' | 'signal'>;

/** Where reading begins, when not at the beginning. */
export interface Start {
  /** Only messages after this place are wanted; nothing is given when it is not found. */
  readonly seek?: MessageSeek;
  /** Only the end is needed, of about so many records. */
  readonly records?: number;
  /**
   * Called when records before the end were left out though which one a message is among those of its time may depend on them. Undefined:
   * files are read as wholes.
   */
  readonly onUnsure?: () => void;
  readonly onBegin?: ReadRange['onBegin'];
}

/**
 * The wanted messages of one container instance, in order. Which one a message is among those of its time is counted before any are
 * left out, so that its mark is the same whatever is wanted.
 */
export async function* instanceMessages(
  options: InstanceMessagesOptions,
  instance: ContainerInstance<RawFile>,
  filter: Filter,
  { seek, records: atEnd, onUnsure, onBegin }: Start = {},
): AsyncGenerator<MessagesOfInstance> {
  const assembler = new MessageAssembler(options.maxMessage);
  const counter = new MessageCounter();
  const isWanted = wantedBy(filter);
  let beginning: Instant | undefined;
  let lead = 0;
  const select = (all: LogRecord[]): MessagesOfInstance | undefined => {
    if (all.length === 0) return undefined;
    const nths = counter.count(all);
    let skip = Math.max(seek?.skip(all, nths) ?? 0, Math.min(lead, all.length));
    lead = Math.max(0, lead - all.length);
    if (beginning !== undefined) {
      const first = beginning;
      const from = all.findIndex((message) => compareInstants(orderTime(message), first) >= 0);
      if (from >= 0) beginning = undefined;
      skip = Math.max(skip, from < 0 ? all.length : from);
    }
    const batch = new MessagesOfInstance(instance, all, nths, assembler.unfinished);
    return skip === 0 && isWanted === undefined
      ? batch
      : batch.where((message, index) => index >= skip && (isWanted?.(message) ?? true));
  };
  // A line is joined to its end also when it is only the marked one, beyond what is wanted.
  const needed = rangeOf(filter, seek);
  const { until } = needed;
  const range: ReadRange = {
    ...needed,
    records: atEnd,
    lead: onUnsure && WINDOW,
    onBegin: (inRange) => {
      lead = isCut(inRange) ? WINDOW : 0;
      if (lead > 0) counter.beginLate();
      assembler.begin(cutStreams(inRange, seek?.mark.unjoined ?? []));
      ({ beginning } = inRange);
      onBegin?.(inRange);
    },
    isJoining: (run) => until !== undefined && assembler.isJoining(run, until),
  };
  for await (const { run, records } of readRecords(options, instance, range, filter.signal)) {
    const batch = select(assembler.push(records, run));
    if (batch !== undefined) yield batch;
  }
  const rest = filter.unfinished === false ? undefined : select(assembler.end());
  if (rest !== undefined) yield rest;
  if (!counter.isSure) onUnsure?.();
}

/** Whether reading begins amid a file, and not where times tell. */
const isCut = ({ runs }: FilesInRange): boolean =>
  runs.some(({ unneeded }) => unneeded !== undefined && 'lines' in unneeded);

const cutStreams = ({ runs }: FilesInRange, unjoined: readonly string[]): CutStream[] =>
  runs.flatMap(({ run, inside }) =>
    inside.map((stream) => ({ run, stream, unjoined: run === 0 && unjoined.includes(stream) })),
  );

/** The place itself must be read, wherever it lies. */
function rangeOf({ since, until }: Filter, seek: MessageSeek | undefined): Range {
  if (seek === undefined) return { since, until };
  const { time, findFrom } = seek.mark;
  return { from: findFrom, until: until && compareInstants(until, time) < 0 ? time : until };
}

/** Undefined when every message is wanted. */
function wantedBy({ since, until, wanted }: Filter): ((message: LogRecord) => boolean) | undefined {
  if (since === undefined && until === undefined) return wanted;
  return (message) =>
    (since === undefined || compareToInstant(message, since) >= 0) &&
    (until === undefined || compareToInstant(message, until) <= 0) &&
    (wanted?.(message) ?? true);
}

/** As `compareInstants` of `recordTime`, without an object for each message. */
function compareToInstant(
  { seconds, nanos, orderSeconds, orderNanos }: LogRecord,
  instant: { readonly seconds: number; readonly nanos: number },
): number {
  const untimed = Number.isNaN(seconds);
  return (untimed ? orderSeconds : seconds) - instant.seconds || (untimed ? orderNanos : nanos) - instant.nanos;
}
