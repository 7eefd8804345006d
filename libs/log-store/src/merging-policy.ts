/**
 * Which files at the end of a run are written anew together with what is new (docs/adr/0017). Pure: sizes in, a plan out.
 *
 * A file of half the limit or more is *full*. Below that, tiers of sizes; a file is written anew only when its bytes come to a higher tier by that.
 * So no byte is written more often than there are tiers, and no more than a few files of each tier are left.
 */

/** Each tier holds sizes up to so many times its least one. */
const FACTOR = 4;
/** Smaller files are always written anew: a request costs as much. In bytes of records. */
const FLOOR = 64 * 1024;

/** What is written anew of the end of a run. */
export interface TailPlan {
  /** How many files, from the last one backwards. */
  readonly files: number;
  /** Whether they become a file of their own, before the new records; else they are put before these in one file. */
  readonly apart: boolean;
}

/**
 * What to write anew, when `fresh` bytes of new records follow files of these sizes. `limit`: the most bytes of a file. What is taken fits
 * into one file.
 */
export function planTail(sizes: readonly number[], fresh: number, limit: number): TailPlan {
  const tierOf = (size: number): number => stepsBelowFull(size, limit);
  let files = 0;
  let open = 0;
  let fitting = 0;
  let sum = 0;
  let highest = Infinity;
  for (const size of sizes.toReversed()) {
    const tier = tierOf(size);
    if (tier === FULL) break;
    open++;
    sum += size;
    highest = Math.min(highest, tier);
    if (sum <= limit) fitting = open;
    if (sum + fresh <= limit && (tierOf(sum + fresh) < highest || highest === Infinity)) files = open;
  }
  // A full file follows, so this is the last time that they are at the end.
  if (tierOf(fresh) === FULL && files < open && fitting > 1) return { files: fitting, apart: true };
  return { files, apart: false };
}

const FULL = 0;

/** Whether a file, or a run of late records, of this size is never written anew. */
export const isFull = (size: number, limit: number): boolean => stepsBelowFull(size, limit) === FULL;

/** How many tiers the size is below a full file; Infinity for the lowest tier. */
function stepsBelowFull(size: number, limit: number): number {
  const full = limit / 2;
  if (size >= full) return FULL;
  if (size < FLOOR) return Infinity;
  let steps = 0;
  for (let least = full; size < least; least /= FACTOR) steps++;
  return steps;
}

/** How many tiers a byte can rise through from its first file to a full one. */
export const mostRises = (limit: number): number => stepsBelowFull(Math.min(FLOOR, limit / 2), limit) + 1;

/** How many files that are not full may stand at the end of a run, if each merge is one batch. */
export const mostOpenFiles = (limit: number): number => (FACTOR - 1) * (mostRises(limit) - 1) + 1;
