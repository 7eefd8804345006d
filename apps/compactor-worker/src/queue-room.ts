import { setTimeout as delay } from 'node:timers/promises';
import type { Room } from '@cordwood/compaction';
import type { Queues } from '@cordwood/queues';

export interface QueueRoomOptions {
  readonly queues: Pick<Queues, 'counts'>;
  /** Compactions that may wait (for a worker, or for their next try) before more are added. */
  readonly maxWaiting: number;
  /** How long to wait for room, all in all, in ms. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** The room for more compactions, during one scan. */
export interface QueueRoom {
  readonly room: () => Promise<Room>;
  /** How long it has been waited for, in ms. */
  readonly waitedMs: () => number;
}

const LOOK_AGAIN_MS = 500;

export function createQueueRoom({ queues, maxWaiting, patienceMs, signal }: QueueRoomOptions): QueueRoom {
  const deadline = performance.now() + patienceMs;
  let waitedMs = 0;
  const hasRoom = async (): Promise<boolean> => {
    const { waiting, delayed } = (await queues.counts()).compaction;
    return waiting + delayed < maxWaiting;
  };
  return {
    waitedMs: () => Math.round(waitedMs),
    room: async () => {
      if (await hasRoom()) return 'now';
      const since = performance.now();
      try {
        while (performance.now() < deadline) {
          await delay(LOOK_AGAIN_MS, undefined, { signal });
          if (await hasRoom()) return 'waited';
        }
        return 'none';
      } finally {
        waitedMs += performance.now() - since;
      }
    },
  };
}
