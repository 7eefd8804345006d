import { z } from 'zod';

/** What `GET /api/v1/jobs` `GET /api/v1/jobs/{job}` and `DELETE /api/v1/jobs/{job}/log` answer. Fields are only ever added. */

const count = z.int().min(0).meta({ minimum: 0 });
const timeOrNull = (description: string) => z.string().nullable().meta({ format: 'date-time', description });

export const jobPageSchema = z
  .object({
    jobs: z.array(
      z.object({
        name: z.string().meta({ description: 'The name of the pod.' }),
        has_merged_files: z.boolean().meta({ description: 'Something of it has been merged once.' }),
        has_raw_files: z.boolean().meta({ description: 'Fluent Bit has written files of it that are still there.' }),
      }),
    ),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'For the parameter `cursor` of the next request; null: that was the last page.' }),
  })
  .meta({ id: 'JobPage' });

export const deletedLogSchema = z
  .object({
    job: z.string(),
    namespace: z.string(),
    deleted: z
      .array(
        z.object({
          container: z.string(),
          container_id: z.string(),
          until: z.string().meta({ description: 'Records up to this time are gone, also those that arrive later.' }),
          merged_files: count,
          records: count.meta({ description: 'Of the merged files.' }),
          stored_bytes: count.meta({ description: 'Of the merged files.' }),
          raw_files: count.meta({ description: 'That were not merged yet.' }),
        }),
      )
      .meta({
        description:
          'Each run of a container. One that was deleted before stands here again, with nothing left to delete.',
      }),
  })
  .meta({ id: 'DeletedLog' });

const mergedSchema = z
  .object({
    files: count,
    records: count,
    bytes: count.meta({ description: 'Of the records, before compression.' }),
    stored_bytes: count.nullable().meta({ description: 'In the bucket; null where nobody noted it down.' }),
    first_record_time: timeOrNull('The earliest.'),
    last_record_time: timeOrNull('The latest.'),
    exact: z.boolean().meta({ description: 'Whether counts and times can be relied on.' }),
  })
  .meta({ id: 'MergedFiles', description: 'What Cordwood has merged.' });

const rawSchema = z
  .object({
    files: count,
    stored_bytes: count,
    first_date: timeOrNull('To the minute, from the names of the files.'),
    last_date: timeOrNull('To the minute, from the names of the files.'),
  })
  .meta({ id: 'RawFiles', description: 'What Fluent Bit wrote and is not merged yet.' });

const instanceSchema = z
  .object({ container_id: z.string(), merged: mergedSchema, raw: rawSchema })
  .meta({ id: 'ContainerInstance', description: 'One run of a container.' });

export const jobDetailsSchema = z
  .object({
    name: z.string(),
    last_compaction_time: z.string().nullable(),
    namespaces: z.array(
      z.object({
        name: z.string().nullable().meta({ description: 'Null: nothing tells the namespace of these files.' }),
        containers: z.array(
          z.object({
            name: z.string(),
            instances: z.array(instanceSchema).meta({ description: 'In the order in which they began.' }),
          }),
        ),
      }),
    ),
    damaged: z
      .array(z.object({ key: z.string(), reason: z.string(), kept_as: z.string() }))
      .meta({ description: 'Objects of which something could not be decoded.' }),
    deleted: z
      .array(
        z.object({
          namespace: z.string(),
          container: z.string(),
          container_id: z.string(),
          until: z.string().meta({ description: 'Records up to this time are gone.' }),
          deleted_at: z.string(),
          reason: z.enum(['retention', 'request']),
        }),
      )
      .meta({ description: 'What was deleted not long ago, by age or on request.' }),
    stray: z
      .array(z.object({ key: z.string(), problem: z.string() }))
      .meta({ description: 'Objects below the job’s prefix whose keys mean nothing.' }),
  })
  .meta({ id: 'Job' });
