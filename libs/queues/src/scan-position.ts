import { PRODUCER_TIMEOUT_MS, type QueueConnection, withinTimeout } from './connection.ts';

/**
 * Where the scan that comes next begins: after this pod, while one that stopped half-way, or was cut off, has left off there. Redis may forget it
 * at any time (I6): then the next scan begins with the first pod, which costs time and loses nothing.
 */
export interface ScanPosition {
  /** @throws Error when Redis is away */
  read(): Promise<string | undefined>;
  /** Undefined: the next scan begins with the first pod. @throws Error when Redis is away */
  write(after: string | undefined): Promise<void>;
}

export interface ScanPositionOptions {
  readonly connection: QueueConnection;
  /** `QUEUE_PREFIX`. */
  readonly prefix: string;
}

export function createScanPosition({ connection, prefix }: ScanPositionOptions): ScanPosition {
  const client = connection.producer;
  const key = `${prefix}:scan-position`;
  return {
    read: async () => (await withinTimeout(client.get(key), { timeoutMs: PRODUCER_TIMEOUT_MS })) ?? undefined,
    write: async (after) => {
      const answer: Promise<unknown> = after === undefined ? client.unlink(key) : client.set(key, after);
      await withinTimeout(answer, { timeoutMs: PRODUCER_TIMEOUT_MS });
    },
  };
}
