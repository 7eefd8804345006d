import type { Instant, LogRecord } from '@cordwood/log-record';
import type { MessageMark } from '@cordwood/log-store';
import type { LogEvent } from './log-events.ts';

/** What of a pod's log is to be read, and how. */
export interface JobLogRequest {
  readonly pod: string;
  /** Undefined: files of the reference that tell no namespace; these have no live log. */
  readonly namespace: string | undefined;
  /** Names of containers. Those that do not exist yet are waited for when following. */
  readonly containers: readonly string[];
  /** Only messages at or after this, and at or before that. Following ends once the store's clock has passed `until`. */
  readonly since?: Instant | undefined;
  readonly until?: Instant | undefined;
  /** Only messages after this one; it need not have come to the archive yet. Container instances before its own are left out. */
  readonly after?: MessageMark | undefined;
  /** Only so many at the end, of those that fit otherwise and are there now; with `follow` what comes is added. */
  readonly tail?: number | undefined;
  /** Only messages for which this is true. */
  readonly wanted?: ((message: LogRecord) => boolean) | undefined;
  /** Only messages of this stream. Kubernetes does not tell streams: the archive alone is read. */
  readonly stream?: 'stdout' | 'stderr' | undefined;
  /** The caller shows streams: for the same reason the archive alone is read. */
  readonly needStream?: boolean | undefined;
  /** The instance before the last one of each container, instead of all of them. Never follows. */
  readonly previous?: boolean | undefined;
  /** Whether to go on with what comes. Without it: the archive and the live log as they are now. */
  readonly follow: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads logs of pods, whether they are archived, live or both. */
export interface JobLog {
  /**
   * The log as one sequence in which no line is missing (or a `gap` says so) and none comes twice. It runs no faster than it is read, and
   * ends all its requests when it is returned or the signal aborts (then it throws the signal's reason). It throws where the log cannot be
   * finished, and never ends early without an error: errors of LogReader (log-store), KubeError (kube), NoPreviousInstanceError.
   */
  read(request: JobLogRequest): AsyncGenerator<LogEvent>;
}

/** There is no instance before the last one. */
export class NoPreviousInstanceError extends Error {
  override readonly name = 'NoPreviousInstanceError';
  readonly container: string;

  constructor(pod: string, container: string) {
    super(`container ${container} of ${pod} has no previous instance`);
    this.container = container;
  }
}
