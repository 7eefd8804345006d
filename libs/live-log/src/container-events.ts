import type { LogEvent } from './log-events.ts';

/** What the reading of one container gives: events, and that all there is for now was given. */
export type ContainerEvent = LogEvent | CaughtUp;

export interface CaughtUp {
  readonly kind: 'caught up';
  /** What comes next comes from Kubernetes. */
  readonly live: boolean;
}

export const CAUGHT_UP: CaughtUp = { kind: 'caught up', live: false };
export const WAITING_LIVE: CaughtUp = { kind: 'caught up', live: true };
