import type { LogReader } from '@cordwood/log-store';
import { z } from 'zod';
import { allowedLog, checkNamed, openFor } from '../access/authorize.ts';
import { ApiError, STORAGE_ERRORS } from '../errors/catalogue.ts';
import { JSON_TYPE, operation } from '../http/operation.ts';
import { jobPath, namespaceParameter } from '../http/parameters.ts';
import { tombstonesIn } from './deleted.ts';
import { jobDetails } from './job-details.ts';
import { jobDetailsSchema } from './job-schemas.ts';
import { inNamespace } from './namespace.ts';

export interface GetJobOptions {
  readonly reader: Pick<LogReader, 'open'>;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
}

/** `GET /api/v1/jobs/{job}`: what there is of a job's log, in the namespace that is meant, else in all. */
export const getJob = ({ reader, namespace: preset }: GetJobOptions) =>
  operation({
    id: 'getJob',
    method: 'get',
    route: '/api/v1/jobs/:job',
    tag: 'jobs',
    summary: 'What there is of a job',
    description:
      'Its containers and their instances (runs), with files, records, bytes and times. The log itself is not read.',
    path: jobPath,
    query: z.strictObject({ namespace: namespaceParameter.optional() }),
    responses: { 200: { description: 'The job.', content: { [JSON_TYPE]: { schema: jobDetailsSchema } } } },
    errors: ['job_not_found', 'namespace_not_found', 'metadata_unreadable', ...STORAGE_ERRORS],
    handle: async ({ path: { job }, query: { namespace: asked }, caller, signal }) => {
      const meant = asked ?? preset;
      const wish = { caller, verb: 'get', job, namespace: meant } as const;
      await checkNamed(wish);
      const log = await allowedLog(wish, await openFor(wish, reader, signal));
      if (log.instances.length === 0 && log.version.etag === undefined) {
        throw new ApiError('job_not_found', `there is no job ${job}`);
      }
      const deleted = tombstonesIn(log.version.metadata, meant);
      const isAllDeleted = deleted.length > 0 && log.instances.every(({ namespace }) => namespace !== meant);
      const chosen =
        meant === undefined
          ? log.instances
          : isAllDeleted
            ? []
            : inNamespace(job, log.instances, { asked, preset }).instances;
      return { body: { json: jobDetails(log, chosen, deleted) } };
    },
  });
