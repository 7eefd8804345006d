import { AsyncLocalStorage } from 'node:async_hooks';
import type { StoreRequest } from '@cordwood/log-store';
import type { Metrics } from '@cordwood/service';

const tallies = new AsyncLocalStorage<Map<string, number>>();

/** Counts every request to the store in metrics, and for the work that asked for it (see {@link tallyRequests}). */
export function countRequests(metrics: Metrics): (request: StoreRequest) => void {
  const requests = metrics.counter({
    name: 'cordwood_s3_requests_total',
    help: 'Requests to the store, each try by itself; status none: no answer came.',
    labels: ['operation', 'status'],
  });
  const seconds = metrics.histogram({
    name: 'cordwood_s3_request_duration_seconds',
    help: 'Time until the head of the answer.',
    labels: ['operation'],
  });
  return ({ operation, status, seconds: taken }) => {
    requests.inc({ operation, status: status ?? 'none' });
    seconds.observe({ operation }, taken);
    const tally = tallies.getStore();
    tally?.set(operation, (tally.get(operation) ?? 0) + 1);
  };
}

/** Runs the work; `tally` then holds how many requests it made, by operation. */
export function tallyRequests<T>(tally: Map<string, number>, work: () => Promise<T>): Promise<T> {
  return tallies.run(tally, work);
}
