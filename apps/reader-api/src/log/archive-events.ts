import type { LogEvent } from '@cordwood/live-log';
import type { LogRecord } from '@cordwood/log-record';
import type { ContainerInstance, LogReader, MessageOptions, RawObject } from '@cordwood/log-store';

export interface ArchiveRead extends MessageOptions {
  readonly stream: 'stdout' | 'stderr' | undefined;
}

/** What is archived of the instances, as events: of a job that Kubernetes has no more, that is all. */
export async function* archiveEvents(
  reader: Pick<LogReader, 'messages'>,
  instances: readonly ContainerInstance<RawObject>[],
  { stream, wanted, ...read }: ArchiveRead,
): AsyncGenerator<LogEvent> {
  const batches = reader.messages(instances, { ...read, wanted: ofStream(stream, wanted) });
  for await (const batch of batches) {
    const { instance, messages } = batch;
    yield { kind: 'messages', live: false, instance, messages, markOf: (index) => batch.markOf(index) };
  }
}

function ofStream(stream: ArchiveRead['stream'], wanted: MessageOptions['wanted']): MessageOptions['wanted'] {
  if (stream === undefined) return wanted;
  const isStderr = stream === 'stderr';
  return (message: LogRecord) => message.stderr === isStderr && (wanted === undefined || wanted(message));
}

/** Lines of the archive, as they are shown as text. */
export interface LogText {
  readonly kind: 'text';
  readonly text: Uint8Array;
}

/** All that is archived of the instances, for who shows it as text, a message a line: mostly it is that already. Its messages have no marks. */
export async function* archiveText(
  reader: Pick<LogReader, 'shown'>,
  instances: readonly ContainerInstance<RawObject>[],
  options: Parameters<LogReader['shown']>[1],
): AsyncGenerator<LogEvent | LogText> {
  for await (const shown of reader.shown(instances, options)) {
    if ('text' in shown) yield { kind: 'text', text: shown.text };
    else yield { kind: 'messages', live: false, ...shown, markOf: noMark };
  }
}

function noMark(): never {
  throw new Error('what is shown as text has no marks');
}
