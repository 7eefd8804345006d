import { z } from 'zod';

const count = z.number().nonnegative();
/** How long the job took; the processor measures it. */
const durationMs = count;

/** What a job that is done says of its work, for people: BullMQ keeps it in the job, or in the queue's events when the job is removed. */
export const RESULTS = {
  scan: z.object({ durationMs, pods: count, due: count, enqueued: count, leftAlone: count, toTheEnd: z.boolean() }),
  compact: z.object({
    durationMs,
    result: z.enum(['merged', 'cleaned', 'idle']),
    /** Of the pod's containers: one as a rule. Files of the Python reference name none. */
    namespaces: z.array(z.string()),
    rawFiles: count,
    rawBytes: count,
    records: count,
    mergedFiles: count,
    mergedBytes: count,
    deletedFiles: count,
    damaged: count,
    /** Raw files that wait for the next merge. */
    leftRaw: count,
  }),
  clean: z.object({
    durationMs,
    result: z.enum(['finished', 'again']),
    // Workers of earlier versions tell of none.
    namespaces: z.array(z.string()).default([]),
    deletedRaw: count,
    deletedSuperseded: count,
    deletedOrphans: count,
    expiredInstances: count,
    expiredBytes: count,
  }),
  sweep: z.object({ durationMs, pods: count, due: count, unreadable: count }),
} as const;

/** What a job is about, besides its payload: kept as its progress when it fails, for whoever looks why. */
export const SUBJECT = z.object({
  namespaces: z.array(z.string()),
  /** What it has before it. */
  rawFiles: count.optional(),
  rawBytes: count.optional(),
});
export type JobSubject = z.output<typeof SUBJECT>;

export type ResultOf<Name extends keyof typeof RESULTS> = z.output<(typeof RESULTS)[Name]>;
/** The same as a handler gives it. */
export type WorkOf<Name extends keyof typeof RESULTS> = Omit<ResultOf<Name>, 'durationMs'>;
