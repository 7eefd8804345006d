/** Trying again will not help: the job is kept as failed, for people to look at. */
export class PermanentJobError extends Error {
  override readonly name = 'PermanentJobError';
}

/** Redis did not answer in time. What was asked may or may not have happened; asking again is safe. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError';
}

/** Reason of a job's signal: another worker may be at the same job by now. Stop, and commit nothing more. */
export class JobLockLostError extends Error {
  override readonly name = 'JobLockLostError';
}

/** Reason of a job's signal: the process is stopping and its time is over. The job goes back to the queue. */
export class WorkerStoppingError extends Error {
  override readonly name = 'WorkerStoppingError';
}

/** A job whose payload does not fit its schema. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

/** The lock of a pod is another worker's. Do not commit; try again later. */
export class CommitLockError extends Error {
  override readonly name = 'CommitLockError';
}
