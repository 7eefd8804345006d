import type { LogReader } from '@cordwood/log-store';
import { z } from 'zod';
import { ApiError } from '../errors/catalogue.ts';
import type { Handler } from '../http/handler.ts';
import { jobName, namespaceParameter } from '../http/parameters.ts';
import { decodeQuery } from '../http/query.ts';
import { jobDetails } from './job-details.ts';
import { inNamespace } from './namespace.ts';

const querySchema = z.strictObject({ namespace: namespaceParameter.optional() });

export interface GetJobOptions {
  readonly reader: Pick<LogReader, 'open'>;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
}

/** `GET /api/v1/jobs/{job}`: what there is of a job's log, in the namespace that is meant, else in all. */
export const getJob =
  ({ reader, namespace: preset }: GetJobOptions): Handler =>
  async ({ path, query, signal }) => {
    const job = jobName(path['job']);
    const { namespace: asked } = decodeQuery(querySchema, query);
    const log = await reader.open(job, signal);
    if (log.instances.length === 0 && log.version.etag === undefined) {
      throw new ApiError('job_not_found', `there is no job ${job}`);
    }
    const chosen =
      (asked ?? preset) === undefined ? log.instances : inNamespace(job, log.instances, { asked, preset }).instances;
    return { body: { json: jobDetails(log, chosen) } };
  };
