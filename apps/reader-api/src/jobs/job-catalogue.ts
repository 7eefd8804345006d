import type { MetadataStore, ObjectStore } from '@cordwood/log-store';
import { MetadataError, ownerOf } from '@cordwood/pod-metadata';
import { namespaceOfRawPrefix, parseRawKey, rawPrefixOfPod } from '@cordwood/s3-key-format';
import type { Logger } from '@cordwood/service';
import type { Caller } from '../access/caller.ts';
import { mapParallel } from '../parallel.ts';
import { type ListedJob, listJobs } from './job-listing.ts';

export interface JobCatalogueOptions {
  readonly store: ObjectStore;
  readonly metadata: Pick<MetadataStore, 'read'>;
  readonly legacyNamespace: string | undefined;
  readonly logger: Logger;
}

export interface JobPageRequest {
  readonly limit: number;
  readonly after: string | undefined;
  readonly prefix: string;
  readonly namespace: string | undefined;
  /** Only what they may read. */
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

export interface JobPage {
  readonly jobs: readonly ListedJob[];
  /** The job after which the next page begins, and whether the caller may not know of it; undefined: there is none. */
  readonly last: { readonly name: string; readonly hidden: boolean } | undefined;
}

const PARALLEL_LOOKUPS = 16;
/**
 * Jobs that are looked at for a page where namespaces count: each may cost two requests to S3, and one for each namespace it is in. Whatever
 * limit was asked for: else a page that ends early would tell of jobs that the caller may not know of.
 */
export const MOST_LOOKED_AT = 2_000;

type Namespace = string | undefined;

/**
 * The jobs of the bucket. A page costs a listing request for every 1,000 jobs with metadata and every 1,000 with raw files. Only
 * metadata and raw files tell a job's namespaces: where these count, a page costs one or two requests per job besides, and as it looks at
 * so many jobs at most, it may hold fewer than `limit`, even none, and not be the last.
 */
export class JobCatalogue {
  readonly #options: JobCatalogueOptions;

  constructor(options: JobCatalogueOptions) {
    this.#options = options;
  }

  async page(request: JobPageRequest): Promise<JobPage> {
    const { after, prefix, namespace, caller, limit, signal } = request;
    const mayAll = await caller.mayEverything('get');
    if (namespace !== undefined || !mayAll) return this.#pageOfSeen(request, !mayAll);
    const jobs: ListedJob[] = [];
    for await (const job of listJobs(this.#options.store, { prefix, after, expected: limit + 1, signal })) {
      if (jobs.length === limit) return pageUntil(jobs);
      jobs.push(job);
    }
    return { jobs, last: undefined };
  }

  /** Goes on until one more than the page holds is found: only that it exists may tell that there are more. */
  async #pageOfSeen(request: JobPageRequest, hidden: boolean): Promise<JobPage> {
    const { after, prefix, namespace, caller, limit, signal } = request;
    const jobs: ListedJob[] = [];
    let looked = 0;
    const listed = listJobs(this.#options.store, { prefix, after, expected: MOST_LOOKED_AT, signal });
    for await (const batch of inBatches(listed, PARALLEL_LOOKUPS)) {
      const seen = await mapParallel(batch, PARALLEL_LOOKUPS, (job) => this.#seenBy(caller, job, namespace, signal));
      for (const job of seen) {
        if (job === undefined) continue;
        if (jobs.length === limit) return pageUntil(jobs);
        jobs.push(job);
      }
      looked += batch.length;
      const last = batch.at(-1);
      // A page that is full ends with what it shows, whatever follows.
      if (looked >= MOST_LOOKED_AT && last !== undefined) {
        return jobs.length === limit ? pageUntil(jobs) : { jobs, last: { name: last.name, hidden } };
      }
    }
    return { jobs, last: undefined };
  }

  /** The job as it looks in the namespaces that are meant and allowed; undefined when there is nothing of it. */
  async #seenBy(
    caller: Caller,
    job: ListedJob,
    namespace: Namespace,
    signal: AbortSignal,
  ): Promise<ListedJob | undefined> {
    // A name of which nothing may be read anywhere is not worth a look.
    if (namespace !== undefined && !(await caller.may('get', namespace, job.name))) return undefined;
    const isMeant = async (each: Namespace): Promise<boolean> =>
      namespace === undefined ? caller.may('get', each, job.name) : each === namespace;
    const hasRawFiles = job.hasRawFiles && (await some(this.#rawNamespaces(job.name, namespace, signal), isMeant));
    const hasMetadata = job.hasMetadata && (await some(this.#mergedNamespaces(job.name, signal), isMeant));
    return hasRawFiles || hasMetadata ? { name: job.name, hasRawFiles, hasMetadata } : undefined;
  }

  /** The namespaces with raw files of the pod: one request, or for every 1,000 namespaces. */
  async *#rawNamespaces(pod: string, namespace: Namespace, signal: AbortSignal): AsyncGenerator<Namespace> {
    const prefix = rawPrefixOfPod(pod) + (namespace === undefined ? '' : `${namespace}_`);
    if (namespace !== undefined) {
      for await (const page of this.#options.store.list({ prefix, pageSize: 10, signal })) {
        if (page.objects.some(({ key, size }) => size > 0 && parseRawKey(key).ok)) {
          yield namespace;
          return;
        }
      }
      return;
    }
    for await (const page of this.#options.store.list({ prefix, delimiter: '_', signal })) {
      for (const each of page.prefixes) {
        const found = namespaceOfRawPrefix(each);
        if (found !== undefined) yield found;
      }
    }
  }

  async *#mergedNamespaces(pod: string, signal: AbortSignal): AsyncGenerator<Namespace> {
    try {
      const { metadata } = await this.#options.metadata.read(pod, signal);
      const { legacyNamespace } = this.#options;
      yield* new Set(metadata.log_files.map((file) => ownerOf(file, metadata, legacyNamespace).namespace));
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      // One broken job must not hide the others; who asks for it by name gets the error.
      this.#options.logger.warn('job left out of a listing: its metadata cannot be read', { job: pod, error });
    }
  }
}

const pageUntil = (jobs: readonly ListedJob[]): JobPage => {
  const last = jobs.at(-1);
  return { jobs, last: last && { name: last.name, hidden: false } };
};

async function* inBatches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function some<T>(items: AsyncIterable<T>, test: (item: T) => Promise<boolean>): Promise<boolean> {
  for await (const item of items) if (await test(item)) return true;
  return false;
}
