import { isPodName } from '@cordwood/s3-key-format';

/**
 * Jobs are listed in the order of their metadata keys: by name with `.json` after it. The other listing, of raw files, comes in
 * another order, by name with `_` after it. The two differ only for names of which one begins with the other, such as
 * `a-b`, `a.b`, `a`, `a1` (metadata) and `a-b`, `a.b`, `a1`, `a` (raw).
 */

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const compareJobs = (a: string, b: string): number => compare(`${a}.json`, `${b}.json`);

const compareRaw = (a: string, b: string): number => compare(`${a}_`, `${b}_`);

/**
 * Raw prefixes after this (exclusive) hold every job after `job`, and little else. Names that continue `job` with `-` are
 * listed before it in both orders and skipped; with `.` or a digit they come before it in the raw order, but mostly not in ours.
 */
export const rawStartAfter = (job: string): string => `${job}-~`;

/** Whether a job that belongs before `job` may still come in a raw listing that has got as far as `listed`. */
function mayBePreceded(job: string, listed: string): boolean {
  for (let length = 1; length < job.length; length++) {
    const shorter = job.slice(0, length);
    if (compareJobs(shorter, job) < 0 && compareRaw(shorter, listed) > 0 && isPodName(shorter)) return true;
  }
  return false;
}

/**
 * Pages of names in the raw order, as single names in the order of jobs. Only names that begin with a shorter name that may
 * still come are held back.
 */
export async function* inJobOrder(pages: AsyncIterable<readonly string[]>): AsyncGenerator<string, void> {
  let held: string[] = [];
  for await (const page of pages) {
    const listed = page.at(-1);
    if (listed === undefined) continue;
    held = [...held, ...page].toSorted(compareJobs);
    const stop = held.findIndex((job) => mayBePreceded(job, listed));
    const ready = stop < 0 ? held : held.slice(0, stop);
    held = held.slice(ready.length);
    yield* ready;
  }
  yield* held;
}
