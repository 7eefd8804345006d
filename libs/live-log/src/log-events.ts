import type { Instant, LogRecord } from '@cordwood/log-record';
import type { InstanceName, MessageMark } from '@cordwood/log-store';

/** What a reader of a job's log gets, in order. */
export type LogEvent =
  | LogMessages
  /** What follows comes from Kubernetes, not from the archive. Once at most, before the first such message (or when there are none yet). */
  | { readonly kind: 'live' }
  /** Lines may be missing here: Kubernetes no longer has them, and the archive did not get them in time. */
  | {
      readonly kind: 'gap';
      readonly instance: InstanceName;
      readonly after: Instant | undefined;
      readonly before: Instant;
    };

export interface LogMessages {
  readonly kind: 'messages';
  readonly instance: InstanceName;
  /** From Kubernetes, which does not tell the stream: `stderr` of these records means nothing. */
  readonly live: boolean;
  readonly messages: LogRecord[];
  /** The place of one of these messages, to go on after it. Costs a hash: ask for what is used only. */
  markOf(index: number): MessageMark;
}
