import { compareInstants } from '@cordwood/log-record';
import { compareArrival, endOrderOf, type RawHead, type RawObject, type Run } from '@cordwood/log-store';
import type { LogFile } from '@cordwood/pod-metadata';

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

/** Raw files that are written down as one sequence. */
export interface Output<R extends RawHead> {
  /** The run of the metadata that the sequence is appended to. */
  readonly run: number;
  /** Merged files that end this run now. */
  readonly tail: readonly LogFile[];
  /** Joined by ordering time. */
  readonly sources: readonly Run<R>[];
  /** Raw files of the run's own sequence, in order: what its next file will be compared with. */
  readonly own: readonly R[];
}

/**
 * What to write for the runs of one container instance. Late files that begin after everything merged so far are written into the
 * main sequence, where a reader would show them; the others make a run of their own, since merged files are not opened up again.
 */
export function outputsOf<R extends RawHead>(runs: readonly Run<R>[]): Output<R>[] {
  const main = runs.find((run) => run.number === 0);
  const tail = main?.merged ?? [];
  const withMain: Run<R>[] = [];
  const outputs: Output<R>[] = [];
  const late: Run<R>[] = [];
  for (const run of runs) {
    if (run.raw.length === 0) continue;
    if (run.number === 0) withMain.unshift(run);
    else if (run.merged.length > 0) outputs.push({ run: run.number, tail: run.merged, sources: [run], own: run.raw });
    else if (beginsAfter(run, tail)) withMain.push(run);
    else late.push(run);
  }
  if (withMain.length > 0) outputs.unshift({ run: 0, tail, sources: withMain, own: main?.raw ?? [] });
  const first = late[0];
  if (first !== undefined)
    outputs.push({ run: first.number, tail: [], sources: late, own: late.flatMap((run) => run.raw) });
  return outputs;
}

function beginsAfter(run: Run<RawHead>, files: readonly LogFile[]): boolean {
  const order = run.raw[0]?.order;
  return files.every((file) => {
    const end = endOrderOf(file);
    return order !== undefined && end !== undefined && file.namespace !== undefined && compareInstants(end, order) < 0;
  });
}
