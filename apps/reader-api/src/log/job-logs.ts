import { type Instant, shiftInstant } from '@cordwood/log-record';
import {
  type LogReader,
  NotFoundError,
  type ObjectStore,
  PreconditionFailedError,
  type RawFileOptions,
} from '@cordwood/log-store';
import { ApiError } from '../errors/catalogue.ts';
import type { Since } from '../http/parameters.ts';
import { inNamespace } from '../jobs/namespace.ts';
import { firstContainer, inContainer } from './containers.ts';

export interface JobLogsOptions {
  readonly store: ObjectStore;
  readonly reader: LogReader;
  /** As the reader has them. */
  readonly rawFiles: Omit<RawFileOptions, 'signal' | 'keepUpTo'>;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
}

export interface LogRequest {
  readonly job: string;
  readonly namespace: string | undefined;
  readonly container: string | undefined;
  readonly since: Since | undefined;
  readonly timestamps: boolean;
  /** Only what the headers need. */
  readonly headOnly: boolean;
  readonly signal: AbortSignal;
}

export interface OpenedLog {
  readonly namespace: string | undefined;
  readonly containers: readonly string[];
  readonly text: AsyncIterable<Uint8Array>;
}

/** Compaction may take away a file between two requests of ours; then there is another one with the same records. */
const TRIES = 4;

/** Opens the logs of jobs. */
export class JobLogs {
  readonly #options: JobLogsOptions;

  constructor(options: JobLogsOptions) {
    this.#options = options;
  }

  /** Rejects with what stands against reading; resolves when the first text is there (or the log's end). */
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
    const { job, signal, timestamps } = request;
    const { reader, store, rawFiles, namespace: preset } = this.#options;
    const log = await reader.open(job, signal);
    if (log.instances.length === 0 && log.version.etag === undefined) {
      throw new ApiError('job_not_found', `there is no job ${job}`);
    }
    const { namespace, instances } = inNamespace(job, log.instances, { asked: request.namespace, preset });
    const chosen = await inContainer(job, instances, request.container, (several) =>
      firstContainer(several, { store, options: rawFiles }, signal),
    );
    const opened = { namespace, containers: chosen.containers };
    if (request.headOnly) return { ...opened, text: none() };

    const since = request.since && toInstant(request.since, () => store.now());
    const text = reader.text(chosen.instances, { since, timestamps, signal });
    const first = await text.next();
    return { ...opened, text: first.done === true ? none() : startingWith(first.value, text) };
  }
}

/** By the store's clock: it is the store that the times in the log are measured against, not this machine. */
const toInstant = (since: Since, now: () => number): Instant =>
  'at' in since ? since.at : shiftInstant({ seconds: 0, nanos: 0 }, now() - since.msAgo);

async function* none(): AsyncGenerator<Uint8Array> {
  // Nothing.
}

async function* startingWith(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
