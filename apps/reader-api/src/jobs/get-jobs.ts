import { z } from 'zod';
import type { Handler } from '../http/handler.ts';
import { namespaceParameter } from '../http/parameters.ts';
import { decodeQuery, parameter } from '../http/query.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import type { JobCatalogue } from './job-catalogue.ts';

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;

const querySchema = z.strictObject({
  limit: parameter(`a whole number from 1 to ${MAX_LIMIT}`, (text) => {
    const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
    return limit >= 1 && limit <= MAX_LIMIT ? limit : undefined;
  }).optional(),
  cursor: parameter('the next_cursor of an earlier answer', parseCursor).optional(),
  prefix: parameter('the start of a pod’s name (lower case letters, digits, "-", ".", at most 253)', (text) =>
    /^(?:[a-z0-9][a-z0-9.-]{0,252})?$/.test(text) ? text : undefined,
  ).optional(),
  namespace: namespaceParameter.optional(),
});

export interface GetJobsOptions {
  readonly catalogue: Pick<JobCatalogue, 'page'>;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
}

/** `GET /api/v1/jobs`: the jobs by name, a page at a time. */
export const getJobs =
  ({ catalogue, namespace: preset }: GetJobsOptions): Handler =>
  async ({ query, signal }) => {
    const { limit = DEFAULT_LIMIT, cursor, prefix = '', namespace = preset } = decodeQuery(querySchema, query);
    const { jobs, last } = await catalogue.page({ limit, after: cursor, prefix, namespace, signal });
    return {
      body: {
        json: {
          jobs: jobs.map(({ name, hasMetadata, hasRawFiles }) => ({
            name,
            has_merged_files: hasMetadata,
            has_raw_files: hasRawFiles,
          })),
          next_cursor: last === undefined ? null : formatCursor(last),
        },
      },
    };
  };
