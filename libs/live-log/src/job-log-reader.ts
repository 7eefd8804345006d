import type { KubePod } from '@cordwood/kube';
import type { PodLog } from '@cordwood/log-store';
import { archiveNow, type ArchiveRequest, followArchive } from './archive-log.ts';
import { systemClock } from './clock.ts';
import { type JobLog, type JobLogRequest, NoPreviousInstanceError } from './job-log.ts';
import { liveLog } from './live-log.ts';
import type { LogEvent } from './log-events.ts';
import { DEFAULT_TIMING, type JobLogOptions, type Timing } from './options.ts';
import { Reading } from './reading.ts';
import { SharedLooks } from './shared-looks.ts';
import { withoutDeleted } from './without-deleted.ts';

/** Reads logs of pods: from the archive, and from Kubernetes what is not there yet. One for the whole process, so that looks are shared. */
export class JobLogReader implements JobLog {
  private readonly options: JobLogOptions;
  private readonly timing: Timing;
  private readonly archives: SharedLooks<PodLog>;
  private readonly pods: SharedLooks<KubePod | undefined> | undefined;

  constructor(options: JobLogOptions) {
    this.options = options;
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    const { archive, kube, clock = systemClock } = options;
    this.archives = new SharedLooks(
      async (pod, signal) => archive.open(pod, signal),
      clock,
      // Less than the interval, or a lone follower would be given its own last look.
      this.timing.lookInterval * 0.75,
    );
    this.pods =
      kube &&
      new SharedLooks(
        async (key, signal) => {
          const [namespace = '', pod = ''] = key.split('/');
          return kube.pod(namespace, pod, signal);
        },
        clock,
        this.timing.statusAge,
      );
  }

  read(request: JobLogRequest): AsyncGenerator<LogEvent> {
    const left = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, left.signal]) : left.signal;
    const events = this.events(request, signal, left);
    return leaving(events, left);
  }

  private async *events(
    request: JobLogRequest,
    signal: AbortSignal,
    left: AbortController,
  ): AsyncGenerator<LogEvent, undefined> {
    signal.throwIfAborted();
    const { pod, namespace } = request;
    const archiveLooks = this.archives.join(pod);
    const podLooks = namespace === undefined ? undefined : this.pods?.join(`${namespace}/${pod}`);
    const { clock = systemClock } = this.options;
    const reading = new Reading({ options: this.options, timing: this.timing, clock, signal, archiveLooks, podLooks });
    try {
      const { kube } = this.options;
      const isLive = namespace !== undefined && request.stream === undefined && request.needStream !== true;
      if (kube === undefined || !isLive) yield* this.fromArchive(reading, request);
      else {
        const events = liveLog(reading, kube, { ...request, namespace });
        const { version } = await archiveLooks.get();
        if (version.metadata.deleted.length === 0) yield* events;
        else yield* withoutDeleted(events, version.metadata);
      }
      if (reading.loss !== undefined) throw reading.loss;
    } finally {
      left.abort();
      archiveLooks.leave();
      podLooks?.leave();
    }
  }

  private async *fromArchive(reading: Reading, request: JobLogRequest): AsyncGenerator<LogEvent> {
    const { stream, wanted } = request;
    const archive: ArchiveRequest = {
      ...request,
      wanted:
        stream === undefined
          ? wanted
          : (message) => message.stderr === (stream === 'stderr') && (wanted?.(message) ?? true),
    };
    if (request.previous === true) {
      const instances = await reading.instances(archive, clockNow(reading));
      const previous = archive.containers.map((name) => {
        const found = instances.filter(({ container }) => container === name).at(-2);
        if (found === undefined) throw new NoPreviousInstanceError(request.pod, name);
        return found;
      });
      yield* archiveNow(reading, previous, archive);
    } else if (request.follow) yield* followArchive(reading, archive);
    else yield* archiveNow(reading, await reading.instances(archive, clockNow(reading)), archive);
  }
}

/** What is read once is read as it is now. */
const clockNow = (reading: Reading): number => reading.clock.now();

/** Ends what the generator waits for when it is returned: by itself it would first come to its next event, and there may never be one. */
function leaving(events: AsyncGenerator<LogEvent, undefined>, left: AbortController): AsyncGenerator<LogEvent> {
  const quietly = async (result: Promise<IteratorResult<LogEvent>>): Promise<IteratorResult<LogEvent>> => {
    try {
      return await result;
    } catch (error) {
      if (left.signal.aborted && error === left.signal.reason) return { done: true, value: undefined };
      throw error;
    }
  };
  const generator: AsyncGenerator<LogEvent> = {
    next: async () => quietly(events.next()),
    return: async () => {
      left.abort();
      return quietly(events.return(undefined));
    },
    throw: async (error: unknown) => {
      left.abort();
      return quietly(events.throw(error));
    },
    [Symbol.asyncIterator]: () => generator,
    [Symbol.asyncDispose]: async () => {
      await generator.return(undefined);
    },
  };
  return generator;
}
