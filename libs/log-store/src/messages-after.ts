import type { ContainerInstance } from './instances.ts';
import { type Filter, instanceMessages, type InstanceMessagesOptions } from './instance-messages.ts';
import type { MessagesOfInstance } from './message-batch.ts';
import { MessageSeek } from './message-seek.ts';
import type { MessageBatch, MessageMark } from './messages.ts';
import type { RawFile } from './raw-file.ts';
import { PositionLostError } from './read-position.ts';
import { expectInTurn } from './read-records.ts';

type Opened = ContainerInstance<RawFile>;

/** The messages of these instances, one after the other; `after`: of the first one only those after this. */
export async function* messagesOf(
  options: InstanceMessagesOptions,
  opened: readonly Opened[],
  filter: Filter,
  after?: MessageMark,
): AsyncGenerator<MessageBatch> {
  expectInTurn(options, opened, filter);
  for (const [index, instance] of opened.entries()) {
    if (index === 0 && after !== undefined) yield* messagesAfter(options, instance, filter, after);
    else yield* instanceMessages(options, instance, filter);
  }
}

/** The instances from that of the marked message on, by their order. Throws PositionLostError when it is none of them. */
export function instancesFrom(opened: readonly Opened[], { namespace, containerId }: MessageMark): readonly Opened[] {
  const at = opened.findIndex((one) => one.namespace === namespace && one.containerId === containerId);
  if (at < 0) throw new PositionLostError(containerId);
  return opened.slice(at);
}

/**
 * The messages of its instance after the marked one. Throws PositionLostError, before anything is given, when it is not found, nor another
 * one that stands for it.
 */
export async function* messagesAfter(
  options: InstanceMessagesOptions,
  instance: Opened,
  filter: Filter,
  mark: MessageMark,
): AsyncGenerator<MessagesOfInstance> {
  const seek = new MessageSeek(mark);
  yield* instanceMessages(options, instance, filter, { seek });
  if (seek.found) return;
  const lost = new PositionLostError(mark.containerId);
  const { instead } = seek;
  if (instead === undefined) throw lost;
  const again = await options.opener.openAgain(instance, lost, filter.signal);
  yield* instanceMessages(options, again, filter, { seek: instead });
  if (!instead.found) throw lost;
}
