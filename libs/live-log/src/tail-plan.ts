import type { Instant } from '@cordwood/log-record';
import type { MessageMark } from '@cordwood/log-store';

/** What of an instance that Kubernetes still has is among the last messages. */
export interface InstancePlan {
  /** Messages at the end of what is safely archived, which is what is earlier than `before`. */
  readonly archived: number;
  readonly before: Instant | undefined;
  /** The last one of them: the hand-over begins after it, leaves out so many, and gives so many (and what comes, when it is followed). */
  readonly place: MessageMark | undefined;
  readonly skip: number;
  readonly live: number;
}

/** What of a container is among the last messages. */
export interface TailPlan {
  /** Messages at the end of the instances that only the archive has. */
  readonly older: number;
  readonly instances: ReadonlyMap<string, InstancePlan>;
}
