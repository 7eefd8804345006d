import type { Logger, Metrics } from '@cordwood/service';
import type { RequestHandler } from 'express';
import { userOf } from './access/user.ts';
import { isSafe } from './http/guards.ts';

/** How bull-board's routes that change something call what they do; a queue's or job's own name never counts. */
const ACTIONS = new Set(
  'add clean concurrency delay empty obliterate pause priority promote rate-limit release remove remove-unprocessed-children resume retry run update-data'.split(
    ' ',
  ),
);

/** The action of a request's path, for metrics: `retry` of `/api/queues/compaction/compact-a/retry`, and of `…/retry/failed`. */
export function actionOf(path: string): string {
  const [last = '', ...before] = path
    .split('/')
    .filter((part) => part !== '')
    .reverse();
  return [last, before[0] ?? ''].find((part) => ACTIONS.has(part)) ?? 'other';
}

/** Who changed what: a line for each request that may change something. */
export function recordActions({
  logger,
  metrics,
}: {
  readonly logger: Logger;
  readonly metrics: Metrics;
}): RequestHandler {
  const actions = metrics.counter({
    name: 'cordwood_dashboard_actions_total',
    help: 'Requests that were let in to change something, by what and how it was answered.',
    labels: ['action', 'status'],
  });
  return (request, response, next) => {
    if (!isSafe(request)) {
      const { method, path } = request;
      const user = userOf(response).name;
      response.on('finish', () => {
        const { statusCode: status } = response;
        actions.inc({ action: actionOf(path), status });
        logger.info('queues changed', { user, method, path, status });
      });
    }
    next();
  };
}
