import type { ListPage, ObjectStore } from '@cordwood/log-store';
import { METADATA_PREFIX, metadataKey, parseMetadataKey, podOfRawPrefix, RAW_PREFIX } from '@cordwood/s3-key-format';
import { compareJobs, inJobOrder, rawStartAfter } from './job-order.ts';

/** A job of the listing, and what is known of it from that alone. */
export interface ListedJob {
  readonly name: string;
  /** It has been merged at least once. */
  readonly hasMetadata: boolean;
  readonly hasRawFiles: boolean;
}

export interface ListingOptions {
  /** Only jobs whose names begin so. */
  readonly prefix: string;
  /** Only jobs after this one. */
  readonly after: string | undefined;
  /** How many are probably wanted: what a request to the store asks for. */
  readonly expected: number;
  readonly signal: AbortSignal;
}

/** Jobs in the order of `compareJobs`: those with metadata and those with raw files, each once. Asks the store as it goes. */
export async function* listJobs(store: Pick<ObjectStore, 'list'>, options: ListingOptions): AsyncGenerator<ListedJob> {
  const metadata = jobsWithMetadata(store, options);
  const raw = inJobOrder(jobsWithRawFiles(store, options));
  try {
    let [merged, unmerged] = await Promise.all([next(metadata), next(raw)]);
    for (;;) {
      const name = firstOf(merged, unmerged);
      if (name === undefined) return;
      const [hasMetadata, hasRawFiles] = [merged === name, unmerged === name];
      if (options.after === undefined || compareJobs(name, options.after) > 0) yield { name, hasMetadata, hasRawFiles };
      if (hasMetadata) merged = await next(metadata);
      if (hasRawFiles) unmerged = await next(raw);
    }
  } finally {
    await Promise.all([metadata.return(undefined), raw.return(undefined)]);
  }
}

async function next(names: AsyncGenerator<string, void>): Promise<string | undefined> {
  const step = await names.next();
  return step.done === true ? undefined : step.value;
}

const firstOf = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || b === undefined ? (a ?? b) : compareJobs(a, b) <= 0 ? a : b;

async function* jobsWithMetadata(
  store: Pick<ObjectStore, 'list'>,
  { prefix, after, expected, signal }: ListingOptions,
): AsyncGenerator<string, void> {
  const pages: AsyncIterable<ListPage> = store.list({
    prefix: METADATA_PREFIX + prefix,
    delimiter: '/',
    ...(after !== undefined && { startAfter: metadataKey(after) }),
    pageSize: Math.min(1000, expected),
    signal,
  });
  for await (const page of pages) {
    for (const { key } of page.objects) {
      const parsed = parseMetadataKey(key);
      if (parsed.ok) yield parsed.key.pod;
    }
  }
}

async function* jobsWithRawFiles(
  store: Pick<ObjectStore, 'list'>,
  { prefix, after, signal }: ListingOptions,
): AsyncGenerator<string[]> {
  const pages = store.list({
    prefix: RAW_PREFIX + prefix,
    delimiter: '_',
    ...(after !== undefined && { startAfter: RAW_PREFIX + rawStartAfter(after) }),
    signal,
  });
  for await (const page of pages) yield page.prefixes.map(podOfRawPrefix).filter((pod) => pod !== undefined);
}
