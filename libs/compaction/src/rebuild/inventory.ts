import {
  DamagedGzipError,
  describedFile,
  entryTimes,
  type DescribedFile,
  mergedRecords,
  mergedText,
  NotFoundError,
  type ObjectInfo,
  type ObjectStore,
} from '@cordwood/log-store';
import { compareInstants, type Instant, recordTime } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import { mergedPrefixOfPod, parseMergedKey, referencePrefixOfPod } from '@cordwood/s3-key-format';
import pLimit from 'p-limit';

/** Objects that are asked for what they say at the same time. */
const PARALLEL = 8;

/** A merged file found in the bucket: it may belong to the log, be replaced by others, or be left over from a lost merge. */
export interface Candidate extends DescribedFile {
  /** Ms since 1970, the store's clock. */
  readonly lastModified: number;
}

/** Every merged file that lies in the bucket for the pod, Cordwood's and the reference's; one HEAD each. Other objects are passed over. */
export async function findMergedFiles(store: ObjectStore, pod: string, signal?: AbortSignal): Promise<Candidate[]> {
  const limit = pLimit(PARALLEL);
  const found: Promise<Candidate | undefined>[] = [];
  for (const prefix of [mergedPrefixOfPod(pod), referencePrefixOfPod(pod)]) {
    for await (const page of store.list({ prefix, ...(signal && { signal }) })) {
      const files = page.objects.filter(({ key }) => parseMergedKey(key).ok);
      found.push(...files.map(async (object) => limit(candidate, store, object, signal)));
      // One page at a time: a pod may have many.
      await Promise.all(found);
    }
  }
  return (await Promise.all(found)).filter((each) => each !== undefined);
}

async function candidate(
  store: ObjectStore,
  object: ObjectInfo,
  signal: AbortSignal | undefined,
): Promise<Candidate | undefined> {
  try {
    const described = describedFile(await store.head(object.key, signal));
    const file = described?.file ?? (await measured(store, object, signal));
    return { file, provenance: described?.provenance, lastModified: object.lastModified };
  } catch (error) {
    // Cleaned in the meantime, so it was replaced.
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** The entry of a file that says nothing of itself, as the reference would have written it: from its records. */
async function measured(store: ObjectStore, object: ObjectInfo, signal: AbortSignal | undefined): Promise<LogFile> {
  let size = 0;
  let count = 0;
  let first: Instant | undefined;
  let last: Instant | undefined;
  const unmeasured = {
    key: object.key,
    records_count: 0,
    size: 0,
    ...entryTimes({ seconds: 0, nanos: 0 }, { seconds: 0, nanos: 0 }),
    stored_size: object.size,
    etag: object.etag,
  };
  // What of it cannot be read is reported when the log is.
  for await (const records of mergedRecords(store, unmeasured, () => undefined, signal)) {
    for (const record of records) {
      count++;
      const time = recordTime(record);
      if (Number.isNaN(time.seconds)) continue;
      if (first === undefined || compareInstants(time, first) < 0) first = time;
      if (last === undefined || compareInstants(time, last) > 0) last = time;
    }
  }
  try {
    for await (const chunk of mergedText(store, unmeasured, signal)) size += chunk.length;
  } catch (error) {
    if (!(error instanceof DamagedGzipError)) throw error;
  }
  const times = first === undefined || last === undefined ? {} : entryTimes(first, last);
  return { ...unmeasured, records_count: count, size, ...times };
}
