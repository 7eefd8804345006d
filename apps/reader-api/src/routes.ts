import { z } from 'zod';
import type { Handler, Routes } from './http/handler.ts';
import { decodeQuery } from './http/query.ts';
import { getJob, type GetJobOptions } from './jobs/get-job.ts';
import { getJobs, type GetJobsOptions } from './jobs/get-jobs.ts';
import { getLog } from './log/get-log.ts';
import type { JobLogs } from './log/job-logs.ts';

export type RouteOptions = GetJobOptions & GetJobsOptions & { readonly logs: Pick<JobLogs, 'open'> };

const nothing = z.strictObject({});

const ping: Handler = ({ query }) => {
  decodeQuery(nothing, query);
  return { body: { text: 'Pong' } };
};

export const createRoutes = (options: RouteOptions): Routes => ({
  '/ping': ping,
  // Where the reference has it.
  '/api/v1/ping': ping,
  '/api/v1/jobs': getJobs(options),
  '/api/v1/jobs/:job': getJob(options),
  '/api/v1/jobs/:job/log': getLog(options.logs),
});
