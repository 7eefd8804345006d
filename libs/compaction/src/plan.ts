import { compareArrival, type RawObject } from '@cordwood/log-store';

/** How much is merged with one commit: memory is bounded by it. */
export interface BatchLimits {
  /** Raw objects up to this many stored bytes are held in memory while their batch is merged; larger ones are streamed. */
  readonly keepUpTo: number;
  /** Stored bytes of the objects that are held. */
  readonly keptBytes: number;
  /** Objects of any size. */
  readonly files: number;
}

/** The raw objects to merge next, in order of arrival: as many as the limits allow, at least one. */
export function nextBatch(raw: readonly RawObject[], limits: BatchLimits): RawObject[] {
  const batch: RawObject[] = [];
  let kept = 0;
  for (const object of raw.toSorted(compareArrival)) {
    const bytes = object.size <= limits.keepUpTo ? object.size : 0;
    if (batch.length > 0 && (kept + bytes > limits.keptBytes || batch.length >= limits.files)) break;
    batch.push(object);
    kept += bytes;
  }
  return batch;
}
