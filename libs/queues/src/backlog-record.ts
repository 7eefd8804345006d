import { z } from 'zod';
import { PRODUCER_TIMEOUT_MS, type QueueConnection, withinTimeout } from './connection.ts';

const measured = z.object({
  files: z.number(),
  bytes: z.number(),
  /** In ms since 1970. */
  oldest: z.number().optional(),
  complete: z.boolean(),
});

/** What one replica found out about the raw files, for all of them to tell. */
export type MeasuredBacklog = z.output<typeof measured>;

/**
 * The last figures of the raw files, and whose turn it is to find them out anew: counting costs requests, and one replica's are as good as
 * another's. Redis may forget it at any time (I6): then they are found out again. All reject while Redis is away.
 */
export interface BacklogRecord {
  /** True for one caller of all replicas, and for no other during the next `everyMs`. */
  takeTurn(everyMs: number): Promise<boolean>;
  /** Leaves the turn to the next who asks: it came to nothing. */
  giveBackTurn(): Promise<void>;
  /** Undefined: nobody has found them out for `KEPT_MS`. */
  read(): Promise<MeasuredBacklog | undefined>;
  write(backlog: MeasuredBacklog): Promise<void>;
}

export interface BacklogRecordOptions {
  readonly connection: QueueConnection;
  /** `QUEUE_PREFIX`. */
  readonly prefix: string;
}

/** Older figures mislead more than none. */
const KEPT_MS = 3_600_000;

export function createBacklogRecord({ connection, prefix }: BacklogRecordOptions): BacklogRecord {
  const client = connection.producer;
  const key = `${prefix}:raw-backlog`;
  const turn = `${key}-turn`;
  const inTime = <T>(answer: Promise<T>) => withinTimeout(answer, { timeoutMs: PRODUCER_TIMEOUT_MS });
  return {
    takeTurn: async (everyMs) => (await inTime(client.set(turn, '1', 'PX', everyMs, 'NX'))) !== null,
    giveBackTurn: async () => {
      await inTime(client.unlink(turn));
    },
    read: async () => {
      const text = await inTime(client.get(key));
      if (text === null) return undefined;
      // Another version of Cordwood may have written it.
      return measured.safeParse(JSON.parse(text)).data;
    },
    write: async (backlog) => {
      await inTime(client.set(key, JSON.stringify(backlog), 'PX', KEPT_MS));
    },
  };
}
