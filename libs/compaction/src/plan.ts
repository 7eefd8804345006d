import { compareArrival, type RawObject } from '@cordwood/log-store';

/** How much is merged with one commit: memory is bounded by it. */
export interface BatchLimits {
  /** Raw objects up to this many stored bytes are held in memory while their batch is merged; larger ones are streamed. */
  readonly keepUpTo: number;
  /** Stored bytes of the objects that are held. */
  readonly keptBytes: number;
  /** Objects of any size. */
  readonly files: number;
  /** Merged raw files that the metadata lists at most (and a batch more) before it is to be cleaned. Default {@link MOST_LISTED}. */
  readonly listed?: number;
}

/** The metadata is parsed and written as a whole, for every commit and every read: this many entries are some 2.5 MB, or 50 ms. */
export const MOST_LISTED = 10_000;

/** The raw objects in batches to be merged one after the other, in order of arrival: as large as the limits allow. */
export function planBatches(raw: readonly RawObject[], limits: BatchLimits): RawObject[][] {
  const batches: RawObject[][] = [];
  let batch: RawObject[] = [];
  let kept = 0;
  for (const object of raw.toSorted(compareArrival)) {
    const bytes = object.size <= limits.keepUpTo ? object.size : 0;
    if (batch.length === 0 || kept + bytes > limits.keptBytes || batch.length >= limits.files) {
      batches.push((batch = []));
      kept = 0;
    }
    batch.push(object);
    kept += bytes;
  }
  return batches;
}

/** The first of the batches: as many as the metadata has room to list, when it lists so many merged raw files already. */
export function batchesWithin(
  batches: readonly (readonly RawObject[])[],
  listed: number,
  most: number,
): (readonly RawObject[])[] {
  let count = listed;
  const within = batches.findIndex((batch) => {
    const isFull = count >= most;
    count += batch.length;
    return isFull;
  });
  return within < 0 ? [...batches] : batches.slice(0, within);
}
