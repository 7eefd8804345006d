import { tallyRequests } from '@cordwood/bucket';
import { measureRawBacklog } from '@cordwood/compaction';
import type { ObjectStore } from '@cordwood/log-store';
import type { BacklogRecord } from '@cordwood/queues';
import { type Logger, type Metrics, toError } from '@cordwood/service';

export interface BacklogMeterOptions {
  readonly store: ObjectStore;
  readonly record: BacklogRecord;
  readonly metrics: Metrics;
  /** How often the raw files are counted, in ms, by whichever replica scans then. */
  readonly everyMs?: number;
}

/** Counts the raw files when that is due. Never throws: figures are worth no failed scan. */
export type BacklogMeter = (log: Logger, signal: AbortSignal) => Promise<void>;

/** At 1,000 files a request and 1,000 requests at most this is what operators pay for: see docs/scale.md. */
const EVERY_MS = 10 * 60_000;

export function createBacklogMeter({ store, record, metrics, everyMs = EVERY_MS }: BacklogMeterOptions): BacklogMeter {
  exportBacklog(record, metrics);
  return async (log, signal) => {
    let hasTurn = false;
    try {
      hasTurn = await record.takeTurn(everyMs);
      if (!hasTurn) return;
      const startedAt = performance.now();
      const requests = new Map<string, number>();
      const { oldest, ...backlog } = await tallyRequests(requests, () => measureRawBacklog(store, { signal }));
      await record.write({ ...backlog, ...(oldest !== undefined && { oldest }) });
      log.info('raw files counted', {
        durationMs: Math.round(performance.now() - startedAt),
        ...backlog,
        ...(oldest !== undefined && { oldest: new Date(oldest).toISOString() }),
        s3Requests: [...requests.values()].reduce((sum, count) => sum + count, 0),
      });
    } catch (error) {
      log.warn('raw files not counted', { error: toError(error) });
      // The next scan tries again.
      if (hasTurn) await record.giveBackTurn().catch(() => undefined);
    }
  };
}

/** Every replica tells what the last count of all replicas found. */
function exportBacklog(record: BacklogRecord, metrics: Metrics): void {
  let asked: ReturnType<BacklogRecord['read']> | undefined;
  // The gauges of one scrape are collected at the same time: they ask once.
  const read = () =>
    (asked ??= record
      .read()
      .catch(() => undefined)
      .finally(() => (asked = undefined)));
  const gauge = (
    name: string,
    help: string,
    of: (backlog: NonNullable<Awaited<typeof asked>>) => number | undefined,
  ) => {
    metrics.gauge({
      name: `cordwood_raw_${name}`,
      help: `${help} Every replica tells the same, so take the maximum; no sample without a count in the last hour.`,
      collect: async (each) => {
        const backlog = await read();
        const value = backlog && of(backlog);
        if (value === undefined) each.remove();
        else each.set(value);
      },
    });
  };
  const among = 'merged ones that wait for CLEANUP_DELAY included, at the last count (every 10 minutes).';
  gauge('files', `Raw files in the bucket, ${among}`, ({ files }) => files);
  gauge('bytes', `Stored bytes of the raw files, ${among}`, ({ bytes }) => bytes);
  gauge(
    'oldest_file_timestamp_seconds',
    `When the oldest raw file was written, ${among} It may well be as old as COMPACTION_INTERVAL, CLEANUP_DELAY and the time of a scan together; no sample without raw files.`,
    ({ oldest }) => oldest && oldest / 1_000,
  );
  gauge(
    'counted_to_the_end',
    'Whether the last count saw all raw files: 1, or 0 when there were more than a million and the others were left out.',
    ({ complete }) => (complete ? 1 : 0),
  );
}
