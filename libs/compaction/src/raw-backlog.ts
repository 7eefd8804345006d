import type { ObjectStore } from '@cordwood/log-store';
import { parseRawKey, RAW_PREFIX } from '@cordwood/s3-key-format';

/** The raw files of all pods: those that are not merged yet, and those that are merged and not deleted yet. */
export interface RawBacklog {
  readonly files: number;
  /** Stored bytes. */
  readonly bytes: number;
  /** When the oldest of them was written, in ms since 1970 by the store's clock; undefined: there are none. */
  readonly oldest: number | undefined;
  /** False: there are more than were listed, and the rest was left out. */
  readonly complete: boolean;
}

/** Listings hold up to 1,000 files each, and are what this costs. */
const MAX_PAGES = 1_000;

export interface MeasureOptions {
  readonly signal?: AbortSignal;
  readonly maxPages?: number;
}

/**
 * Counts the raw files by listing them all: a scan sees pods, not files. Stray objects do not count: nobody will ever merge them. No
 * more than a page is held at a time, and no more are asked for than `maxPages`, however many files there are.
 */
export async function measureRawBacklog(
  store: ObjectStore,
  { signal, maxPages = MAX_PAGES }: MeasureOptions = {},
): Promise<RawBacklog> {
  let files = 0;
  let bytes = 0;
  let oldest: number | undefined;
  let pages = 0;
  for await (const page of store.list({ prefix: RAW_PREFIX, ...(signal && { signal }) })) {
    // Another page is there: what it holds is left out.
    if (pages++ === maxPages) return { files, bytes, oldest, complete: false };
    for (const { key, size, lastModified } of page.objects) {
      if (size === 0 || !parseRawKey(key).ok) continue;
      files++;
      bytes += size;
      oldest = Math.min(oldest ?? lastModified, lastModified);
    }
  }
  return { files, bytes, oldest, complete: true };
}
