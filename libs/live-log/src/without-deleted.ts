import { compareInstants, recordTime } from '@cordwood/log-record';
import { deletedUntil, type PodMetadata } from '@cordwood/pod-metadata';
import { only } from './events.ts';
import type { LogEvent } from './log-events.ts';

/**
 * Without what Kubernetes still has of records that were deleted from the archive: to whoever deleted them, they are gone. `metadata` is as of
 * the beginning: what is deleted later was there when this was read.
 */
export async function* withoutDeleted(
  events: AsyncIterable<LogEvent>,
  metadata: PodMetadata,
): AsyncGenerator<LogEvent> {
  for await (const event of events) {
    if (event.kind !== 'messages' || !event.live) {
      yield event;
      continue;
    }
    const until = deletedUntil(metadata, event.instance.namespace, event.instance.containerId);
    const left =
      until === undefined ? event : only(event, (message) => compareInstants(recordTime(message), until) > 0);
    if (left !== undefined) yield left;
  }
}
