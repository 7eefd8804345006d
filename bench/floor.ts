import { gzipSync } from 'node:zlib';
import { corpus } from './corpus.ts';
import { MB } from './statistics.ts';

/** What `gzip -6` alone reached, in MB per CPU-second, on the machine that the targets and the reference's figures are of. */
export const REFERENCE_FLOOR = 104;

const SAMPLE = { pods: 1, filesPerPod: 12, fileBytes: 1e6 };
let sample: Buffer | undefined;

/** MB per CPU-second of `work` on the bytes, in this process. */
export function cpuRate(bytes: number, work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return bytes / MB / ((user + system) / 1e6);
}

/** `gzip -6` of a part of the corpus, right now: on a shared machine that changes from minute to minute. */
export function floorNow(): number {
  const bytes = (sample ??= Buffer.concat([...corpus(SAMPLE)].map(({ body }) => body)));
  return cpuRate(bytes.length, () => gzipSync(bytes));
}

/** Measures, with the floor as it was right before and right after. */
export async function besideFloor<T>(measure: () => Promise<T>): Promise<{ readonly floor: number; readonly got: T }> {
  const before = floorNow();
  const got = await measure();
  return { floor: (before + floorNow()) / 2, got };
}
