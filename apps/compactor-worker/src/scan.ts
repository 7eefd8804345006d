import type { Findings } from '@cordwood/bucket';
import { scan } from '@cordwood/compaction';
import type { ObjectStore } from '@cordwood/log-store';
import type { Handler, PodSchedule, Queues } from '@cordwood/queues';
import { type Metrics, toError } from '@cordwood/service';

export interface ScanHandlerOptions {
  readonly store: ObjectStore;
  readonly queues: Pick<Queues, 'enqueueCompactions' | 'releaseFailed'>;
  readonly podSchedule: Pick<PodSchedule, 'dueAmong'>;
  readonly findings: Pick<Findings, 'onStrayKey'>;
  readonly metrics: Metrics;
  /** How long a failed job is left alone, in ms. */
  readonly releaseAfterMs: number;
}

/** Failed jobs of each queue that one scan takes up again: all that are kept. */
const RELEASE_LIMIT = 1_000;

/** The `scan` job: finds pods that are due and enqueues them. */
export function createScanHandler(options: ScanHandlerOptions): Handler<'scan'> {
  const { store, queues, podSchedule, findings, metrics, releaseAfterMs } = options;
  const seconds = metrics.histogram({
    name: 'cordwood_scan_duration_seconds',
    help: 'Time that a scan of the bucket took.',
    labels: ['result'],
  });
  const podsSeen = metrics.gauge({ name: 'cordwood_scan_pods', help: 'Pods with raw files, at the last scan.' });
  const podsDue = metrics.counter({ name: 'cordwood_scan_due_pods_total', help: 'Pods that scans found to be due.' });
  const lastScan = metrics.gauge({
    name: 'cordwood_scan_last_success_timestamp_seconds',
    help: 'When this replica last finished a scan; take the maximum over replicas.',
  });

  return async (_payload, { log, signal }) => {
    const startedAt = performance.now();
    const finish = (result: string): number => {
      const durationMs = Math.round(performance.now() - startedAt);
      seconds.observe({ result }, durationMs / 1_000);
      return durationMs;
    };
    try {
      const found = await scan(
        {
          store,
          dueAmong: (pods) => podSchedule.dueAmong(pods),
          enqueue: async (pods) => {
            const { refused } = await queues.enqueueCompactions(pods);
            for (const pod of refused) log.warn('pod cannot be enqueued', { pod });
            return refused;
          },
          onStrayKey: findings.onStrayKey,
        },
        signal,
      );
      // A job that failed for good keeps its id, and so blocks its pod: on purpose for a while, so that a pod whose metadata is broken
      // is not tried with every scan. But somebody may have repaired it, or an outage outlasted the job's tries; so it gets a new
      // chance as often as any pod is merged.
      const { released, removed } = await queues.releaseFailed(releaseAfterMs, RELEASE_LIMIT);
      podsSeen.set(found.pods);
      podsDue.inc(found.due);
      lastScan.setToCurrentTime();
      log.info('bucket scanned', { durationMs: finish('done'), ...found, released, removed });
    } catch (error) {
      log.warn('scan failed', { durationMs: finish('failed'), error: toError(error) });
      throw error;
    }
  };
}
