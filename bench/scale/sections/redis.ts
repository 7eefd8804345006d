import { randomUUID } from 'node:crypto';
import {
  connectRedis,
  createPodSchedule,
  createQueues,
  type QueueConnection,
  type Queues,
  startWorkers,
} from '@cordwood/queues';
import { createLogger, createMetrics, parseRedisUrl } from '@cordwood/service';
import { eventually, startPrivateRedis } from '@cordwood/testkit';
import { Redis } from 'ioredis';

/** What pods take of Redis. */
export interface RedisCosts {
  readonly version: string;
  readonly pods: number;
  /** Bytes of memory: for a pod that rests, one whose compaction waits, one whose cleaning waits for its time. */
  readonly restingBytes: number;
  readonly compactionBytes: number;
  readonly cleaningBytes: number;
  /** Processor time of Redis, commands, and processor time of the workers, for a compaction and the cleaning after it. */
  readonly redisMsPerPod: number;
  readonly commandsPerPod: number;
  readonly workerMsPerPod: number;
  /** Compactions and cleanings that were done in a second, in one process of workers. */
  readonly jobsPerSecond: number;
  /** Processor time of Redis when a scan asks for 1,000 pods. */
  readonly askedMs: number;
}

const PODS = 3_000;
const PAGE = 1_000;
const HOUR = 3_600_000;
const CONCURRENCY = 8;
const TIMEOUT_MS = 300_000;

/** The real queues on a Redis of their own, with jobs that do nothing. */
export async function measureRedis(): Promise<RedisCosts> {
  // Without a log of its writes: what that takes is a matter of persistence, which Cordwood does not need.
  const redis = await startPrivateRedis({ settings: { appendonly: 'no' } });
  const target = parseRedisUrl(redis.url);
  if (target === undefined) throw new Error(`${redis.url} is no URL of Redis`);
  const logger = createLogger({ app: 'bench', level: 'error' });
  const connection = connectRedis({ target, logger, name: 'bench' });
  const queues = createQueues({ connection, prefix: PREFIX, logger });
  const client = new Redis(redis.url);
  try {
    return await measure(client, connection, queues);
  } finally {
    client.disconnect();
    await queues.close();
    await connection.close();
    await redis.dispose();
  }
}

const PREFIX = '{cordwood}';

async function measure(client: Redis, connection: QueueConnection, queues: Queues): Promise<RedisCosts> {
  const pods = Array.from({ length: PODS }, () => `job-${randomUUID()}`);
  const schedule = createPodSchedule({ connection, prefix: PREFIX });
  // Scripts, queues and connections are there before anything is weighed.
  await queues.enqueueCompactions(['first']);
  await queues.enqueueCleanup('first', HOUR);

  let before = await figures(client);
  for (const pod of pods) await schedule.decided(pod, HOUR);
  let after = await figures(client);
  const restingBytes = (after.memory - before.memory) / PODS;

  before = after;
  for (let start = 0; start < PODS; start += PAGE) await schedule.dueAmong(pods.slice(start, start + PAGE));
  after = await figures(client);
  const askedMs = (after.cpuMs - before.cpuMs) / (PODS / PAGE);

  await queues.enqueueCompactions(pods);
  const enqueued = await figures(client);
  const compactionBytes = (enqueued.memory - after.memory) / PODS;
  for (const pod of pods) await queues.enqueueCleanup(`later-${pod}`, HOUR);
  const cleaningBytes = ((await figures(client)).memory - enqueued.memory) / PODS;

  const done = await work(client, connection, queues);
  return {
    version: enqueued.version,
    pods: PODS,
    restingBytes,
    askedMs,
    compactionBytes,
    cleaningBytes,
    // Enqueueing is part of what a pod takes.
    redisMsPerPod: done.redisMsPerPod + (enqueued.cpuMs - after.cpuMs) / PODS,
    commandsPerPod: done.commandsPerPod + (enqueued.commands - after.commands) / PODS,
    workerMsPerPod: done.workerMsPerPod,
    jobsPerSecond: done.jobsPerSecond,
  };
}

/** Works off the compactions that wait, each followed by its cleaning. */
async function work(client: Redis, connection: QueueConnection, queues: Queues) {
  const schedule = createPodSchedule({ connection, prefix: PREFIX });
  let cleaned = 0;
  const before = await figures(client);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const workers = startWorkers({
    connection,
    prefix: PREFIX,
    concurrency: CONCURRENCY,
    logger: createLogger({ app: 'bench', level: 'error' }),
    metrics: createMetrics({ app: 'bench', version: '0', defaults: false }),
    handlers: {
      compact: async ({ pod }) => {
        await queues.enqueueCleanup(pod, 0);
        await schedule.decided(pod, HOUR);
        return undefined;
      },
      clean: async () => {
        cleaned++;
        return Promise.resolve(undefined);
      },
    },
  });
  try {
    await eventually('all pods are cleaned', () => cleaned >= PODS, TIMEOUT_MS);
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - startedAt) / 1e3;
    const after = await figures(client);
    return {
      redisMsPerPod: (after.cpuMs - before.cpuMs) / PODS,
      commandsPerPod: (after.commands - before.commands) / PODS,
      workerMsPerPod: (user + system) / 1e3 / PODS,
      jobsPerSecond: (2 * PODS) / seconds,
    };
  } finally {
    await workers.close(5_000);
  }
}

async function figures(client: Redis) {
  const info = await client.info();
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
  return {
    version: /^redis_version:(\S+)/m.exec(info)?.[1] ?? '',
    memory: field('used_memory'),
    commands: field('total_commands_processed'),
    cpuMs: (field('used_cpu_user') + field('used_cpu_sys')) * 1e3,
  };
}
