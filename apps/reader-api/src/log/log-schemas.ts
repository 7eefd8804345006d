import { z } from 'zod';
import { type ErrorCode, ERRORS } from '../errors/catalogue.ts';

/** What the log of a job consists of, as NDJSON and events tell it. Fields are only ever added. */

export const logLineSchema = z
  .object({
    time: z.string().meta({
      description: 'When it was logged, as the container runtime wrote it: RFC 3339 with all its digits, in its zone.',
      examples: ['2026-11-20T10:00:00.123456789Z'],
    }),
    stream: z
      .enum(['stdout', 'stderr'])
      .optional()
      .meta({ description: 'Absent: unknown, as Kubernetes does not tell it of live logs.' }),
    namespace: z.string().optional().meta({ description: 'Absent: nothing tells it, of logs of the reference.' }),
    container: z.string(),
    container_id: z.string().meta({ description: 'Of the container instance: a restart makes another one.' }),
    log: z.string().meta({ description: 'The message, its parts joined. Mostly with a newline at its end.' }),
  })
  .meta({ id: 'LogLine', description: 'A message.' });

export const nextPageSchema = z
  .object({
    next_cursor: z.string().nullable().meta({
      description:
        'For the parameter `cursor` of the next request. Null: the log is over, or there was no message yet.',
    }),
    has_more: z.boolean().meta({ description: 'Whether there are more messages right now.' }),
  })
  .meta({ id: 'NextPage', description: 'The last line, where `limit` or `cursor` is given.' });

export const logGapSchema = z
  .object({
    namespace: z.string().optional(),
    container: z.string(),
    container_id: z.string(),
    after: z
      .string()
      .optional()
      .meta({ description: 'Nothing is missing up to this time. Absent: nothing had come before.' }),
    before: z.string().meta({ description: 'Nothing is missing from this time on.' }),
  })
  .meta({
    id: 'LogGap',
    description: 'Messages may be missing: Kubernetes no longer has them, and the archive did not get them in time.',
  });

export const logEndSchema = nextPageSchema
  .partial()
  .extend({
    reason: z.string().meta({
      description:
        '`complete`, `caught_up` or `page`: it is the log that ended. `stream_too_long`, the code of that error: go on after the last id.',
    }),
    message: z.string().optional().meta({ description: 'Of an error, which has no `next_cursor` and no `has_more`.' }),
  })
  .meta({ id: 'LogEnd', description: 'Of the event `end`.' });

export const streamErrorSchema = z
  .object({ code: z.enum(Object.keys(ERRORS) as ErrorCode[]), message: z.string() })
  .meta({ id: 'StreamError', description: 'Of the event `error`: as errors are, had it come before the first byte.' });
