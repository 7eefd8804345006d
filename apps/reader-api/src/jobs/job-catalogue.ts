import type { MetadataStore, ObjectStore } from '@cordwood/log-store';
import { MetadataError, ownerOf } from '@cordwood/pod-metadata';
import { parseRawKey, rawPrefixOfPod } from '@cordwood/s3-key-format';
import type { Logger } from '@cordwood/service';
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
  readonly signal: AbortSignal;
}

export interface JobPage {
  readonly jobs: readonly ListedJob[];
  /** The job after which the next page begins; undefined: there is none. */
  readonly last: string | undefined;
}

const PARALLEL_LOOKUPS = 16;

/**
 * The jobs of the bucket. A page costs a listing request for every 1,000 jobs with metadata and every 1,000 with raw files. Only
 * metadata and raw files tell a job's namespace: with one, a page costs one or two requests per job besides, and as it looks at
 * `limit` jobs only, it may hold fewer, even none, and not be the last.
 */
export class JobCatalogue {
  readonly #options: JobCatalogueOptions;

  constructor(options: JobCatalogueOptions) {
    this.#options = options;
  }

  async page({ limit, after, prefix, namespace, signal }: JobPageRequest): Promise<JobPage> {
    const jobs: ListedJob[] = [];
    let last: string | undefined;
    for await (const job of listJobs(this.#options.store, { prefix, after, expected: limit + 1, signal })) {
      if (jobs.length === limit) {
        last = jobs.at(-1)?.name;
        break;
      }
      jobs.push(job);
    }
    if (namespace === undefined) return { jobs, last };
    const wanted = await mapParallel(jobs, PARALLEL_LOOKUPS, (job) => this.#isIn(job, namespace, signal));
    return { jobs: jobs.filter((_, index) => wanted[index]), last };
  }

  async #isIn(job: ListedJob, namespace: string, signal: AbortSignal): Promise<boolean> {
    return (
      (job.hasRawFiles && (await this.#hasRawFilesIn(job.name, namespace, signal))) ||
      (job.hasMetadata && (await this.#hasMergedFilesIn(job.name, namespace, signal)))
    );
  }

  async #hasRawFilesIn(pod: string, namespace: string, signal: AbortSignal): Promise<boolean> {
    const prefix = `${rawPrefixOfPod(pod)}${namespace}_`;
    for await (const page of this.#options.store.list({ prefix, pageSize: 10, signal })) {
      if (page.objects.some(({ key, size }) => size > 0 && parseRawKey(key).ok)) return true;
    }
    return false;
  }

  async #hasMergedFilesIn(pod: string, namespace: string, signal: AbortSignal): Promise<boolean> {
    try {
      const { metadata } = await this.#options.metadata.read(pod, signal);
      return metadata.log_files.some(
        (file) => ownerOf(file, metadata, this.#options.legacyNamespace).namespace === namespace,
      );
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      // One broken job must not hide the others; who asks for it by name gets the error.
      this.#options.logger.warn('job left out of a listing: its metadata cannot be read', { job: pod, error });
      return false;
    }
  }
}
