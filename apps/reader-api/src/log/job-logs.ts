import type { Kube } from '@cordwood/kube';
import type { JobLog, LogEvent } from '@cordwood/live-log';
import { compareInstants, type Instant, type LogRecord, shiftInstant } from '@cordwood/log-record';
import {
  type LogReader,
  type MessageMark,
  NotFoundError,
  type ObjectStore,
  PositionLostError,
  PreconditionFailedError,
  type RawFileOptions,
} from '@cordwood/log-store';
import { ApiError } from '../errors/catalogue.ts';
import type { Since } from '../http/parameters.ts';
import { deletedError, deletedUntil } from '../jobs/deleted.ts';
import { archiveEvents, archiveText, type LogText } from './archive-events.ts';
import { firstContainer } from './containers.ts';
import { begun, noEvents, unlessStopped } from './log-stream.ts';
import { type JobRequest, type ResolvedJob, resolveJob } from './resolve-job.ts';

export interface JobLogsOptions {
  readonly store: ObjectStore;
  readonly reader: LogReader;
  /** As the reader has them. */
  readonly rawFiles: Omit<RawFileOptions, 'signal' | 'keepUpTo'>;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
  /** Undefined: the archive is all there is. */
  readonly kube: Kube | undefined;
  /** Archive and Kubernetes. */
  readonly liveLogs: JobLog;
  /** The same without Kubernetes, for when that is away. */
  readonly archiveLogs: JobLog;
  /** Aborted when the process begins to stop. */
  readonly stopping: AbortSignal;
}

export interface LogRequest extends JobRequest {
  readonly since: Since | undefined;
  readonly until: Since | undefined;
  readonly tail: number | undefined;
  readonly after: MessageMark | undefined;
  readonly wanted: ((message: LogRecord) => boolean) | undefined;
  readonly stream: 'stdout' | 'stderr' | undefined;
  readonly previous: boolean;
  /** `while-alive`: when Kubernetes knows the pod to be alive. */
  readonly follow: boolean | 'while-alive';
  /** How messages are shown when they are shown as text and nothing more, and no place in the log is asked for. */
  readonly asText?: { readonly timestamps: boolean } | undefined;
  /** Only what the headers need. */
  readonly headOnly: boolean;
}

export interface OpenedLog {
  readonly namespace: string | undefined;
  readonly containers: readonly string[];
  /** Records up to this time were deleted: what is left is not all there was. */
  readonly deletedUntil: string | undefined;
  readonly follows: boolean;
  /** Whether messages have cursors, so that a client can go on after them. */
  readonly hasPlaces: boolean;
  /** Whether something may come after the last event: the pod is alive then, or nothing tells whether it is. */
  readonly mayGrow: boolean;
  /** Whether there is nothing to read right now. False when that is not known: what is followed. */
  readonly isEmpty: boolean;
  /** `text`, and messages without marks, only where text was asked for. */
  readonly events: AsyncGenerator<LogEvent | LogText>;
}

/** Compaction may take away a file between two requests of ours; then there is another one with the same records. */
const TRIES = 4;

/** Opens the logs of jobs. */
export class JobLogs {
  readonly #options: JobLogsOptions;

  constructor(options: JobLogsOptions) {
    this.#options = options;
  }

  /**
   * Rejects with what stands against reading; resolves when the first event is there, or the log's end; of a log that is followed, when
   * there is none for a while.
   */
  async open(request: LogRequest): Promise<OpenedLog> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#open(request);
      } catch (error) {
        const replaced = error instanceof NotFoundError || error instanceof PreconditionFailedError;
        if (!replaced || tries === TRIES) throw error;
      }
    }
  }

  async #open(request: LogRequest): Promise<OpenedLog> {
    const { store, rawFiles } = this.#options;
    const found = await resolveJob(
      {
        ...this.#options,
        firstContainer: (several, signal) => firstContainer(several, { store, options: rawFiles }, signal),
      },
      request,
    );
    const { namespace, containers, deleted, pod, isPodKnown } = found;
    const isAlive = pod !== undefined && !pod.finished;
    const follows = request.follow === 'while-alive' ? isAlive : request.follow;
    // Messages of containers that are followed together come mixed: one mark does not tell how far each has been given.
    const hasPlaces = !follows || containers.length < 2;
    if (!hasPlaces && request.after !== undefined) {
      const problem = `several containers are followed (${containers.join(', ')}), and a place in one does not tell those in the others`;
      throw new ApiError(
        'conflicting_parameters',
        `cursor (or Last-Event-ID) goes with none but a single container: ${problem}`,
      );
    }
    const opened = {
      hasPlaces,
      namespace,
      containers,
      deletedUntil: deletedUntil(deleted),
      follows,
      // Following ends with the pod, unless a time ends it.
      mayGrow: follows ? request.until !== undefined : isAlive || !isPodKnown,
    };
    if (request.headOnly) return { ...opened, isEmpty: false, events: noEvents() };

    if (request.stream !== undefined && !follows && pod !== undefined && found.instances.length === 0) {
      const problem = 'of its log nothing is collected yet, and Kubernetes does not tell stdout from stderr';
      throw new ApiError('log_not_collected', `the job ${request.job} is there, but ${problem}`);
    }
    const range = this.#range(request);
    const { isEmpty, events } = await begun(this.#read(found, request, range, follows), follows).catch(
      (error: unknown) => {
        if (!(error instanceof PositionLostError) || request.after === undefined) throw error;
        const problem = 'what the cursor (or Last-Event-ID) points to is not there any more: begin without it';
        throw new ApiError('cursor_expired', problem, { cause: error });
      },
    );
    if (isEmpty && deleted.length > 0 && isWhole(request) && isAllDeleted(found)) {
      throw deletedError(`the job ${request.job}`, deleted);
    }
    return { ...opened, isEmpty, events };
  }

  #read(
    { namespace, containers, instances, pod, isPodKnown }: ResolvedJob,
    request: LogRequest,
    range: { readonly since: Instant | undefined; readonly until: Instant | undefined },
    follow: boolean,
  ): AsyncGenerator<LogEvent | LogText> {
    const { reader, liveLogs, archiveLogs, stopping } = this.#options;
    const { after, tail, wanted, stream, previous, asText, signal } = request;
    if (after !== undefined && after.namespace !== namespace) {
      throw new ApiError('cursor_invalid', 'cursor (or Last-Event-ID) is that of another log');
    }
    if (pod === undefined && !follow && !previous) {
      if (asText !== undefined && isWhole(request)) return archiveText(reader, instances, { ...asText, signal });
      return archiveEvents(reader, instances, { ...range, after, tail, wanted, stream, signal });
    }
    const logs = isPodKnown ? liveLogs : archiveLogs;
    const read = { pod: request.job, namespace, containers, ...range, after, tail, wanted, stream, previous, follow };
    if (!follow) return logs.read({ ...read, signal });
    return unlessStopped((either) => logs.read({ ...read, signal: either }), signal, stopping);
  }

  /** By the store's clock: it is the store that the times in the log are measured against, not this machine. */
  #range({ since, until, after }: LogRequest) {
    const now = this.#options.store.now();
    const toInstant = (time: Since): Instant =>
      'at' in time ? time.at : shiftInstant({ seconds: 0, nanos: 0 }, now - time.msAgo);
    // A duration counted from the request that gave the cursor; by now it would leave out what came in between.
    const isOver = since !== undefined && 'msAgo' in since && after !== undefined;
    const range = {
      since: since === undefined || isOver ? undefined : toInstant(since),
      until: until && toInstant(until),
    };
    if (range.since && range.until && compareInstants(range.since, range.until) > 0) {
      throw new ApiError('conflicting_parameters', 'since and until contradict each other: until is before since');
    }
    return range;
  }
}

const isWhole = ({ since, until, tail, after, wanted, stream }: LogRequest): boolean =>
  [since, until, tail, after, wanted, stream].every((each) => each === undefined);

/** Only files that arrived late, with nothing new in them; merging them will leave nothing. */
const isAllDeleted = ({ instances, pod }: ResolvedJob): boolean =>
  pod === undefined && instances.every(({ merged, deletedUntil: until }) => merged.length === 0 && until);
