import { setTimeout as delay } from 'node:timers/promises';
import { sweep, type SweepOptions } from '@cordwood/compaction';
import type { Handler, Queues } from '@cordwood/queues';
import { type Metrics, toError } from '@cordwood/service';

export interface SweepHandlerOptions extends Omit<SweepOptions, 'enqueue' | 'onUnreadable'> {
  readonly queues: Pick<Queues, 'enqueueCleanups' | 'counts'>;
  readonly metrics: Metrics;
  /** How many cleanups may wait in the queue before a sweep adds to them. */
  readonly maxWaiting?: number;
}

const MAX_WAITING = 2_000;
const LOOK_AGAIN_MS = 1_000;

/** The `sweep` job: finds pods that have something to delete and that no queue may know of, and enqueues their cleaning. */
export function createSweepHandler(options: SweepHandlerOptions): Handler<'sweep'> {
  const { queues, metrics, maxWaiting = MAX_WAITING } = options;
  const seconds = metrics.histogram({
    name: 'cordwood_sweep_duration_seconds',
    help: 'Time that a sweep through all pod metadata took.',
    labels: ['result'],
  });
  const podsSeen = metrics.gauge({ name: 'cordwood_sweep_pods', help: 'Pods with metadata, at the last sweep.' });
  const podsDue = metrics.counter({
    name: 'cordwood_sweep_due_pods_total',
    help: 'Pods that sweeps handed out for cleaning.',
  });
  const unreadable = metrics.gauge({
    name: 'cordwood_sweep_unreadable_pods',
    help: 'Pods whose metadata could not be understood, among those that the last sweep looked at.',
  });
  const lastSweep = metrics.gauge({
    name: 'cordwood_sweep_last_success_timestamp_seconds',
    help: 'When this replica last finished a sweep; take the maximum over replicas.',
  });

  /** Redis holds no more than so many of them: the bucket is where the others are remembered. */
  const roomInQueue = async (signal: AbortSignal) => {
    while ((await queues.counts()).cleanup.waiting >= maxWaiting) await delay(LOOK_AGAIN_MS, undefined, { signal });
  };

  return async (_payload, { log, signal }) => {
    const startedAt = performance.now();
    const finish = (result: string): number => {
      const durationMs = Math.round(performance.now() - startedAt);
      seconds.observe({ result }, durationMs / 1_000);
      return durationMs;
    };
    let unread = 0;
    try {
      const found = await sweep(
        {
          ...options,
          enqueue: async (pods) => {
            await roomInQueue(signal);
            const { refused } = await queues.enqueueCleanups(pods);
            for (const pod of refused) log.warn('pod cannot be enqueued', { pod });
            return refused;
          },
          onUnreadable: (pod, error) => {
            unread++;
            log.warn('nothing of this pod is ever deleted: its metadata cannot be understood', { pod, error });
          },
        },
        signal,
      );
      podsSeen.set(found.pods);
      podsDue.inc(found.due);
      unreadable.set(unread);
      lastSweep.setToCurrentTime();
      log.info('metadata swept', { durationMs: finish('done'), ...found, unreadable: unread });
      return { result: { pods: found.pods, due: found.due, unreadable: unread } };
    } catch (error) {
      log.warn('sweep failed', { durationMs: finish('failed'), error: toError(error) });
      throw error;
    }
  };
}
