import { z } from 'zod';
import { STORAGE_ERRORS } from '../errors/catalogue.ts';
import { JSON_TYPE, operation } from '../http/operation.ts';
import { namespaceParameter } from '../http/parameters.ts';
import { nothing, parameter } from '../http/query.ts';
import type { Cursors } from './cursor.ts';
import type { JobCatalogue, JobPage } from './job-catalogue.ts';
import { jobPageSchema } from './job-schemas.ts';

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;

const querySchema = (cursors: Cursors) =>
  z.strictObject({
    limit: parameter(
      `a whole number from 1 to ${MAX_LIMIT}`,
      (text) => {
        const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
        return limit >= 1 && limit <= MAX_LIMIT ? limit : undefined;
      },
      {
        type: 'integer',
        minimum: 1,
        maximum: MAX_LIMIT,
        default: DEFAULT_LIMIT,
        description: 'Jobs per page, at most.',
      },
    ).optional(),
    cursor: parameter('the next_cursor of an earlier answer', (text) => cursors.parse(text), {
      description: 'The `next_cursor` of an earlier answer: what follows it. All else must be as it was then.',
    }).optional(),
    prefix: parameter(
      'the start of a pod’s name (lower case letters, digits, "-", ".", at most 253)',
      (text) => (/^(?:[a-z0-9][a-z0-9.-]{0,252})?$/.test(text) ? text : undefined),
      { description: 'Only jobs whose names begin so.', pattern: '^([a-z0-9][a-z0-9.-]*)?$', maxLength: 253 },
    ).optional(),
    namespace: namespaceParameter
      .meta({
        description: 'Only jobs of this namespace. Default: that of `JOBS_NAMESPACE`, else all.',
      })
      .optional(),
  });

export interface GetJobsOptions {
  readonly catalogue: Pick<JobCatalogue, 'page'>;
  readonly cursors: Cursors;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
}

/** `GET /api/v1/jobs`: the jobs by name, a page at a time. */
export const getJobs = ({ catalogue, cursors, namespace: preset }: GetJobsOptions) =>
  operation({
    id: 'listJobs',
    method: 'get',
    route: '/api/v1/jobs',
    tag: 'jobs',
    summary: 'The jobs, by name',
    description:
      'A page at a time: as long as `next_cursor` is not null, there may be more, even when the page is empty. Only jobs whose logs the caller ' +
      'may read are there, and only what is in namespaces where that is so. There is no ' +
      'order by time: that would need an index, which the bucket has not.',
    path: nothing,
    query: querySchema(cursors),
    responses: { 200: { description: 'A page of jobs.', content: { [JSON_TYPE]: { schema: jobPageSchema } } } },
    errors: [...STORAGE_ERRORS],
    handle: async ({ query: { limit = DEFAULT_LIMIT, cursor, prefix = '', namespace = preset }, caller, signal }) => {
      const page = await catalogue.page({ limit, after: cursor, prefix, namespace, caller, signal });
      return { body: { json: jobPage(page, cursors) } };
    },
  });

const jobPage = ({ jobs, last }: JobPage, cursors: Cursors): z.output<typeof jobPageSchema> => ({
  jobs: jobs.map(({ name, hasMetadata, hasRawFiles }) => ({
    name,
    has_merged_files: hasMetadata,
    has_raw_files: hasRawFiles,
  })),
  next_cursor: last === undefined ? null : cursors.format(last.name, last.hidden),
});
