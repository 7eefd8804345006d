import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Handler } from '../http/handler.ts';
import {
  booleanParameter,
  containerParameter,
  jobName,
  namespaceParameter,
  separatorParameter,
  sinceParameter,
} from '../http/parameters.ts';
import { decodeQuery } from '../http/query.ts';
import type { JobLogs } from './job-logs.ts';

const querySchema = z.strictObject({
  since: sinceParameter.optional(),
  timestamps: booleanParameter.optional(),
  container: containerParameter.optional(),
  namespace: namespaceParameter.optional(),
  // Of the reference's API. They are about the live part, which an archive has not.
  separator: separatorParameter.optional(),
  debug: booleanParameter.optional(),
});

/** `GET /api/v1/jobs/{job}/log`: the log as text. */
export const getLog =
  (logs: Pick<JobLogs, 'open'>): Handler =>
  async ({ path, query, headOnly, signal }) => {
    const job = jobName(path['job']);
    const { since, timestamps = false, container, namespace, separator } = decodeQuery(querySchema, query);
    const log = await logs.open({ job, namespace, container, since, timestamps, headOnly, signal });
    return {
      headers: {
        'X-Separator': separator ?? `=== Live logs ===${randomBytes(8).toString('hex')}`,
        ...(log.containers.length > 0 && { 'X-Container': log.containers.join(',') }),
        ...(log.namespace !== undefined && { 'X-Namespace': log.namespace }),
      },
      body: { chunks: log.text, contentType: 'text/plain; charset=utf-8' },
    };
  };
