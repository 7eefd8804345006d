import type { HealthCheck, Logger, RedisTarget } from '@cordwood/service';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { RedisUnavailableError } from './errors.ts';

export type RedisClient = Redis | Cluster;

/** ioredis types its clients by this option, which we leave at its default (replies as in RESP2, as BullMQ expects them). */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** The connections of one process to Redis. */
export interface QueueConnection {
  /** For workers: a command waits for as long as Redis is away, as BullMQ wants it. */
  readonly worker: RedisClient;
  /** For everything else: a command fails within seconds while Redis is away. */
  readonly producer: RedisClient;
  /** A readiness check: resolves when Redis answers. */
  readonly ping: HealthCheck;
  /** `maxmemory-policy` as Redis tells it; undefined where it does not. Rejects within seconds while Redis is away. */
  readonly evictionPolicy: () => Promise<string | undefined>;
  /** Says goodbye, or hangs up when Redis does not answer. Close queues and workers first. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** `REDIS_URL` of the configuration; forms: see `parseRedisUrl` of @cordwood/service. */
  readonly target: RedisTarget;
  readonly logger: Logger;
  /** Name of the connections in CLIENT LIST. */
  readonly name?: string;
}

/** How long a producer's command may take, in ms. */
export const PRODUCER_TIMEOUT_MS = 5_000;

/** A worker's socket that is silent for longer while an answer is due is dead (BullMQ blocks 10 s at most), in ms. */
const SOCKET_TIMEOUT_MS = 30_000;

/**
 * Connects to Redis and stays connected: reconnects without end, with growing pauses. Never throws; an outage is logged once
 * when it begins and once when it ends. Warns when Redis may evict keys.
 */
export function connectRedis({ target, logger, name }: ConnectOptions): QueueConnection {
  const common: ClientOptions = {
    connectTimeout: 5_000,
    disconnectTimeout: 200,
    retryStrategy: reconnectDelayMs,
    // After a failover the old master is a read-only replica: connect anew, and ask the new one again.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    ...(name === undefined ? {} : { connectionName: name }),
  };
  const worker = createClient(target, { ...common, maxRetriesPerRequest: null, socketTimeout: SOCKET_TIMEOUT_MS });
  const producer = createClient(target, { ...common, maxRetriesPerRequest: 1, commandTimeout: PRODUCER_TIMEOUT_MS });

  // Without a listener ioredis prints every error. The producer's connection speaks for both.
  worker.on('error', () => undefined);
  const outages = reportOutages(producer, logger);
  producer.on('ready', () => {
    checkEviction(producer, logger).catch(() => undefined);
  });

  return {
    worker,
    producer,
    ping: async (signal) => {
      await withinTimeout(producer.ping(), { timeoutMs: PRODUCER_TIMEOUT_MS, signal });
    },
    evictionPolicy: () => withinTimeout(evictionPolicy(producer), { timeoutMs: PRODUCER_TIMEOUT_MS }),
    close: async () => {
      outages.stop();
      await Promise.all([hangUp(worker), hangUp(producer)]);
    },
  };
}

/** 50 ms, 100 ms, … 5 s, and some at random, so that a fleet does not return in one instant. */
function reconnectDelayMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times - 1, 10), 5_000) * (1 + Math.random() / 4);
}

function createClient(target: RedisTarget, options: ClientOptions): RedisClient {
  const login: ClientOptions = {
    ...options,
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.tls ? { tls: {} } : {}),
  };
  const hosts = target.hosts.map(({ host, port }) => ({ host, port }));
  switch (target.kind) {
    case 'cluster':
      return new Cluster(hosts, {
        redisOptions: login,
        clusterRetryStrategy: reconnectDelayMs,
        // Certificates are for names: do not let the nodes' addresses replace them.
        ...(target.tls ? { dnsLookup: (address, done) => done(null, address) } : {}),
      });
    case 'sentinel':
      return new Redis({
        ...login,
        sentinels: hosts,
        name: target.master ?? '',
        ...(target.sentinelUsername === undefined ? {} : { sentinelUsername: target.sentinelUsername }),
        ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
        db: target.db,
        sentinelRetryStrategy: reconnectDelayMs,
        ...(target.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
      });
    case 'single':
      return new Redis({ ...login, ...hosts[0], db: target.db });
  }
}

function reportOutages(client: RedisClient, logger: Logger) {
  let awaySince: number | undefined;
  let stopped = false;
  const away = (error?: Error) => {
    if (stopped || awaySince !== undefined) return;
    awaySince = performance.now();
    logger.error('redis is away', error ? { error } : {});
  };
  client.on('error', away);
  // A server that shuts down closes its connections without any error.
  client.on('close', () => away());
  client.on('ready', () => {
    if (awaySince === undefined) return;
    logger.info('redis is back', { durationMs: Math.round(performance.now() - awaySince) });
    awaySince = undefined;
  });
  return { stop: () => void (stopped = true) };
}

/** An evicted key is a lost job; and BullMQ's own scripts expect all of theirs or none. */
async function checkEviction(client: RedisClient, logger: Logger): Promise<void> {
  const policy = await evictionPolicy(client);
  if (policy === undefined || policy === 'noeviction') return;
  logger.error('redis may evict jobs: set maxmemory-policy to noeviction', { maxmemoryPolicy: policy });
}

async function evictionPolicy(client: RedisClient): Promise<string | undefined> {
  return /^maxmemory_policy:(\S+)/m.exec(await client.info('memory'))?.[1];
}

async function hangUp(client: RedisClient): Promise<void> {
  // QUIT waits for answers that are due; while there is no connection there is nobody to say it to.
  if (client.status === 'ready') await withinTimeout(client.quit(), { timeoutMs: 1_000 }).catch(() => undefined);
  client.disconnect();
}

export interface WithinOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** @throws RedisUnavailableError when it takes longer (the command itself cannot be taken back) */
export async function withinTimeout<T>(work: Promise<T>, { timeoutMs, signal }: WithinOptions): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new RedisUnavailableError(`Redis gave no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const onAbort = () => reject(new RedisUnavailableError('Redis gave no answer in time'));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
