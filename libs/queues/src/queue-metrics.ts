import type { Metrics } from '@cordwood/service';
import type { QueueConnection } from './connection.ts';
import { QUEUE_NAMES } from './catalogue.ts';
import type { Queues } from './producers.ts';

export interface QueueMetricsOptions {
  readonly connection: Pick<QueueConnection, 'evictionPolicy'>;
  readonly queues: Pick<Queues, 'counts'>;
  readonly metrics: Metrics;
}

/**
 * What Redis holds, asked for at every scrape. It is the same for all replicas. While Redis is away there are no samples: the rest of the
 * scrape is worth having.
 */
export function exportQueueMetrics({ connection, queues, metrics }: QueueMetricsOptions): void {
  metrics.gauge({
    name: 'cordwood_queue_jobs',
    help:
      'Jobs in a queue: waiting, active, delayed (cleanings until something is due, tries after a failure) or failed (kept until they are tried again). ' +
      'Every replica tells the same, so take the maximum; no sample while Redis is away.',
    labels: ['queue', 'state'],
    collect: async (gauge) => {
      const counts = await queues.counts().catch(() => undefined);
      gauge.reset();
      if (counts === undefined) return;
      for (const queue of QUEUE_NAMES)
        for (const [state, jobs] of Object.entries(counts[queue])) gauge.set({ queue, state }, jobs);
    },
  });
  metrics.gauge({
    name: 'cordwood_redis_noeviction',
    help: 'Whether Redis keeps every key (maxmemory-policy noeviction), without which jobs get lost: 1 or 0; no sample where it does not say.',
    collect: async (gauge) => {
      const policy = await connection.evictionPolicy().catch(() => undefined);
      if (policy === undefined) gauge.remove();
      else gauge.set(policy === 'noeviction' ? 1 : 0);
    },
  });
}
