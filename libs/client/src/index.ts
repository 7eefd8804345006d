export type * from './api-types.ts';
export type { RetryOptions } from './backoff.ts';
export {
  type CallOptions,
  type ClientOptions,
  type CordwoodClient,
  createClient,
  type JobSummary,
  type LogTextQuery,
} from './client.ts';
export { CordwoodError, type CordwoodErrorOptions, type ErrorCode } from './errors.ts';
export type { LogPage } from './log-page.ts';
export type { LogEvent } from './log-stream.ts';
export { type LogRecord, toText } from './records.ts';
