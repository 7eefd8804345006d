import { type Findings, tallyRequests } from '@cordwood/bucket';
import { scan, type ScanOptions } from '@cordwood/compaction';
import type { ObjectStore } from '@cordwood/log-store';
import type { Handler, PodSchedule, Queues, ScanPosition } from '@cordwood/queues';
import { type Logger, type Metrics, toError } from '@cordwood/service';
import type { BacklogMeter } from './backlog.ts';
import { type BlockedPodsOfScan, createBlockedPods } from './blocked.ts';
import { createQueueRoom } from './queue-room.ts';

export interface ScanHandlerOptions {
  readonly store: ObjectStore;
  readonly queues: Pick<Queues, 'enqueueCompactions' | 'failedAmong' | 'explainFailed' | 'releaseFailed' | 'counts'>;
  readonly podSchedule: Pick<PodSchedule, 'dueAmong'>;
  readonly position: ScanPosition;
  readonly findings: Pick<Findings, 'onStrayKey'>;
  readonly metrics: Metrics;
  /** Called when a scan is done. */
  readonly countBacklog: BacklogMeter;
  /** How long a job that failed for the first time is left alone, in ms. */
  readonly releaseAfterMs: number;
  /** How long a scan waits for room in the queue before it leaves the rest to the next one, in ms. */
  readonly patienceMs: number;
  /** Compactions that may wait before a scan adds more; it then adds up to a page of 1,000. */
  readonly maxWaiting?: number;
}

/** Some 10 MB of Redis: work for many workers until the next look. The bucket is where all the others are remembered. */
const MAX_WAITING = 10_000;

/** The `scan` job: finds pods that are due and enqueues them, as far as there is room, beginning where the scan before stopped. */
export function createScanHandler(options: ScanHandlerOptions): Handler<'scan'> {
  const { store, queues, podSchedule, position, findings, countBacklog, releaseAfterMs } = options;
  const { patienceMs, maxWaiting = MAX_WAITING } = options;
  const figures = createFigures(options.metrics);
  const blocked = createBlockedPods(options);

  return async (_payload, { log, signal }) => {
    const startedAt = performance.now();
    const finish = (result: string): number => {
      const durationMs = Math.round(performance.now() - startedAt);
      figures.seconds.observe({ result }, durationMs / 1_000);
      return durationMs;
    };
    const requests = new Map<string, number>();
    const queueRoom = createQueueRoom({ queues, maxWaiting, patienceMs, signal });
    try {
      const after = await position.read();
      const ofScan = blocked.begin();
      const found = await tallyRequests(requests, () =>
        scan(
          {
            store,
            after,
            dueAmong: (pods) => podSchedule.dueAmong(pods),
            room: queueRoom.room,
            enqueue: enqueueing(queues, ofScan, log),
            reached: (pod) => position.write(pod),
            onStrayKey: findings.onStrayKey,
          },
          signal,
        ),
      );
      if (found.toTheEnd && (after !== undefined || found.due > 0)) await position.write(undefined);
      // A job that failed for good keeps its id, and so blocks its pod: on purpose for a while, so that a pod whose metadata is broken
      // is not tried with every scan. But somebody may have repaired it, or an outage outlasted the job's tries; so it gets a new
      // chance as often as any pod is merged, and less and less often if it fails every time.
      const { compactions, released, removed } = await queues.releaseFailed(releaseAfterMs);
      const leftAlone = await ofScan.report(compactions, log);
      // A scan that saw a part of the bucket does not know how many there are.
      if (found.toTheEnd && after === undefined) figures.podsSeen.set(found.pods);
      figures.podsDue.inc(found.due);
      figures.lastScan.setToCurrentTime();
      log.info('bucket scanned', {
        durationMs: finish('done'),
        ...found,
        ...(after !== undefined && { after }),
        waitedMs: queueRoom.waitedMs(),
        blocked: leftAlone,
        released,
        removed,
        s3Requests: [...requests.values()].reduce((sum, count) => sum + count, 0),
      });
      await countBacklog(log, signal);
      const { pods, due, enqueued, toTheEnd } = found;
      return { result: { pods, due, enqueued, leftAlone, toTheEnd } };
    } catch (error) {
      log.warn('scan failed', { durationMs: finish('failed'), error: toError(error) });
      throw error;
    } finally {
      figures.waited.inc(queueRoom.waitedMs() / 1_000);
    }
  };
}

/** Makes jobs for pods, save for those whose job is kept as failed. */
function enqueueing(
  queues: Pick<Queues, 'enqueueCompactions' | 'failedAmong'>,
  blocked: BlockedPodsOfScan,
  log: Logger,
): ScanOptions['enqueue'] {
  return async (pods) => {
    const failedAt = await queues.failedAmong(pods);
    blocked.saw(pods, failedAt);
    const free = failedAt.size === 0 ? pods : pods.filter((pod) => !failedAt.has(pod));
    const { refused } = await queues.enqueueCompactions(free);
    for (const pod of refused) log.warn('pod cannot be enqueued', { pod });
    return free.length - refused.length;
  };
}

function createFigures(metrics: Metrics) {
  return {
    seconds: metrics.histogram({
      name: 'cordwood_scan_duration_seconds',
      help: 'Time that a scan of the bucket took.',
      labels: ['result'],
    }),
    podsSeen: metrics.gauge({
      name: 'cordwood_scan_pods',
      help: 'Pods with raw files, at the last scan that saw all of them.',
    }),
    podsDue: metrics.counter({ name: 'cordwood_scan_due_pods_total', help: 'Pods that scans found to be due.' }),
    waited: metrics.counter({
      name: 'cordwood_scan_waited_seconds_total',
      help: 'Time that scans waited for room in the queue: while it grows, there are more pods than the workers can merge.',
    }),
    lastScan: metrics.gauge({
      name: 'cordwood_scan_last_success_timestamp_seconds',
      help: 'When this replica last finished a scan; take the maximum over replicas.',
    }),
  };
}
