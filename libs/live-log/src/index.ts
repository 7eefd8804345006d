export type * from './log-events.ts';
export { type JobLog, type JobLogRequest, NoPreviousInstanceError } from './job-log.ts';
export { DEFAULT_TIMING, type JobLogOptions, type Timing } from './options.ts';
export { JobLogReader } from './job-log-reader.ts';
export { type Clock, systemClock } from './clock.ts';
