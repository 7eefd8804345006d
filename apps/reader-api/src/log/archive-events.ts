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
