export {
  createBacklogRecord,
  type BacklogRecord,
  type BacklogRecordOptions,
  type MeasuredBacklog,
} from './backlog-record.ts';
export {
  CATALOGUE,
  JOB_NAMES,
  QUEUE_NAMES,
  podJobId,
  type JobName,
  type PayloadOf,
  type QueueName,
} from './catalogue.ts';
export { createCommitLocks, type CommitLock, type CommitLocks, type CommitLocksOptions } from './commit-locks.ts';
export { connectRedis, type ConnectOptions, type QueueConnection, type RedisClient } from './connection.ts';
export * from './errors.ts';
export { createPodSchedule, type PodSchedule, type PodScheduleOptions } from './pod-schedule.ts';
export type { Handler, Handlers, JobContext, JobOutcome } from './processor.ts';
export {
  createQueues,
  type CreateQueuesOptions,
  type JobState,
  type QueueCounts,
  type Queues,
  type ReleasedJobs,
} from './producers.ts';
export { createFinishedJobs, type FinishedJob, type FinishedJobs, type FinishedJobsOptions } from './finished-jobs.ts';
export { exportQueueMetrics, type QueueMetricsOptions } from './queue-metrics.ts';
export type { FailedJob } from './release-failed.ts';
export { type JobSubject, RESULTS, type ResultOf, SUBJECT, type WorkOf } from './results.ts';
export { createScanPosition, type ScanPosition, type ScanPositionOptions } from './scan-position.ts';
export { startWorkers, type StartWorkersOptions, type Workers } from './workers.ts';
