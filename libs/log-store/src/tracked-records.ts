import { compareInstants, type Instant } from '@cordwood/log-record';
import type { Source } from './join.ts';

/** What is known of records that are the same while copies of them may come. Up to a million are kept: so it is small. */
export interface Tracked {
  /** How many of them have been shown. */
  shown: number;
  /** The first file that has any of them, and how many it has had so far. */
  readonly source: Source;
  own: number;
  /** The same of other files, where there are any. */
  others: Map<Source, number> | undefined;
}

/** Records of a file that were all shown, by identity. */
interface Unindexed {
  readonly source: Source;
  readonly identities: Float64Array;
}

/**
 * Records of a generation, and generations that are kept at most: a million records, some 110 MB. So many may stand between the copies
 * of a record that are not merged; of an object of 100 MB (what Fluent Bit uploads at most by default) that came twice, all are noticed.
 */
const GENERATION = 50_000;
const MOST_GENERATIONS = 20;

interface Generation {
  readonly records: Map<number, Tracked>;
  /** Those that nobody has asked for yet: mostly nobody will. */
  unindexed: Unindexed[];
  size: number;
  latest: Instant;
}

/**
 * What is known of records, by identity, as long as it is wanted. It forgets by whole generations (records that came at about the same
 * time), so forgetting never takes long, whatever is remembered.
 */
export class TrackedRecords {
  /** The youngest first. */
  private generations: Generation[] = [];

  get size(): number {
    return this.generations.reduce((sum, { size }) => sum + size, 0);
  }

  get(identity: number): Tracked | undefined {
    for (const generation of this.generations) {
      if (generation.unindexed.length > 0) index(generation);
      const tracked = generation.records.get(identity);
      if (tracked !== undefined) return tracked;
    }
    return undefined;
  }

  /** `order`: before which instant it may be forgotten. */
  add(identity: number, tracked: Tracked, order: Instant): void {
    const generation = this.generationFor(1, order);
    generation.records.set(identity, tracked);
  }

  /** Adds records of the source that were all shown, of which none is known yet. `latest`: before which instant all of them may be forgotten. */
  addShown(source: Source, identities: Float64Array, latest: Instant): void {
    if (identities.length > 0) this.generationFor(identities.length, latest).unindexed.push({ source, identities });
  }

  /** Forgets generations of which every record lies before this. */
  forgetBefore(instant: Instant): void {
    if (this.generations.length < 2) return;
    this.generations = this.generations.filter(({ latest }) => compareInstants(latest, instant) >= 0);
  }

  private generationFor(records: number, latest: Instant): Generation {
    let [youngest] = this.generations;
    if (youngest === undefined || youngest.size >= GENERATION) {
      youngest = { records: new Map(), unindexed: [], size: 0, latest };
      this.generations = [youngest, ...this.generations.slice(0, MOST_GENERATIONS - 1)];
    }
    youngest.size += records;
    if (compareInstants(latest, youngest.latest) > 0) youngest.latest = latest;
    return youngest;
  }
}

function index(generation: Generation): void {
  const { records, unindexed } = generation;
  generation.unindexed = [];
  for (const { source, identities } of unindexed) {
    for (const identity of identities) {
      let tracked = records.get(identity);
      if (tracked === undefined) records.set(identity, (tracked = { shown: 0, source, own: 0, others: undefined }));
      countOne(tracked, source);
      tracked.shown++;
    }
  }
}

/** Counts one more in the file; gives how many it has had so far. */
export function countOne(tracked: Tracked, source: Source): number {
  if (source === tracked.source) return ++tracked.own;
  tracked.others ??= new Map();
  const own = (tracked.others.get(source) ?? 0) + 1;
  tracked.others.set(source, own);
  return own;
}
