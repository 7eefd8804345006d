import { compareInstants, type Instant, type LogRecord, recordTime } from '@cordwood/log-record';
import type { MessageBatch } from '@cordwood/log-store';
import type { LogMessages } from './log-events.ts';

/** Which messages are wanted, however they are found. */
export interface Filter {
  readonly since?: Instant | undefined;
  readonly until?: Instant | undefined;
  readonly wanted?: ((message: LogRecord) => boolean) | undefined;
}

export function isWanted({ since, until, wanted }: Filter, message: LogRecord): boolean {
  if (since !== undefined || until !== undefined) {
    const time = recordTime(message);
    if (since !== undefined && compareInstants(time, since) < 0) return false;
    if (until !== undefined && compareInstants(time, until) > 0) return false;
  }
  return wanted?.(message) ?? true;
}

/** Messages of the archive, as an event. */
export const archived = (batch: MessageBatch): LogMessages => ({
  kind: 'messages',
  instance: batch.instance,
  live: false,
  messages: batch.messages,
  markOf: (index) => batch.markOf(index),
});

/** Those of the messages for which this is true; undefined when there are none. It is asked once for each, in order. */
export function only(
  event: LogMessages,
  isMeant: (message: LogRecord, index: number) => boolean,
): LogMessages | undefined {
  const { messages } = event;
  const kept: number[] = [];
  const meant = messages.filter((message, index) => {
    const isKept = isMeant(message, index);
    if (isKept) kept.push(index);
    return isKept;
  });
  if (meant.length === messages.length) return event;
  return meant.length === 0
    ? undefined
    : { ...event, messages: meant, markOf: (index) => event.markOf(kept[index] ?? -1) };
}
