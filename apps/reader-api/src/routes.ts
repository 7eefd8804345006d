import { z } from 'zod';
import { docsRoutes } from './docs/docs-routes.ts';
import { operation, type Operation, TEXT_TYPE } from './http/operation.ts';
import { nothing } from './http/query.ts';
import { deleteLog, type DeleteLogRouteOptions } from './jobs/delete-log.ts';
import { getJob, type GetJobOptions } from './jobs/get-job.ts';
import { getJobs, type GetJobsOptions } from './jobs/get-jobs.ts';
import { kubeRoutes, type KubeRoutesOptions } from './kubectl/routes.ts';
import { getLogSocket } from './log/get-log-socket.ts';
import { getLog, type GetLogOptions } from './log/get-log.ts';
import type { DocumentOptions } from './openapi/document.ts';
import { openApiRoute } from './openapi/openapi-route.ts';
import { OPS_ROUTES } from './openapi/ops-routes.ts';

export interface RouteOptions
  extends GetJobOptions, GetJobsOptions, GetLogOptions, DeleteLogRouteOptions, Pick<DocumentOptions, 'needsToken'> {
  readonly kubectl: KubeRoutesOptions;
}

const ping = (id: string, route: string) =>
  operation({
    id,
    method: 'get',
    route,
    tag: 'service',
    summary: 'Whether anybody is there',
    path: nothing,
    query: nothing,
    responses: {
      200: { description: 'Pong.', content: { [TEXT_TYPE]: { schema: z.literal('Pong'), example: 'Pong' } } },
    },
    errors: [],
    isPublic: true,
    handle: () => ({ body: { text: 'Pong' } }),
  });

/** All that the API can be asked. What is here is served, checked and described; what is not, is not. */
export function createRoutes(options: RouteOptions): readonly Operation[] {
  const routes = [
    getJobs(options),
    getJob(options),
    getLog(options),
    getLogSocket(options),
    deleteLog(options),
    ping('ping', '/ping'),
    // Where the reference has it.
    ping('pingApi', '/api/v1/ping'),
    ...kubeRoutes(options.kubectl),
    ...docsRoutes(),
  ];
  return [...routes, openApiRoute([...routes, ...OPS_ROUTES], options)];
}
