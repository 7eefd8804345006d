import { compareInstants, type Instant } from '@cordwood/log-record';

/**
 * Records of a generation, and generations that are kept at most: a million records, some 110 MB. So many may stand between the copies
 * of a record that are not merged; of an object of 100 MB (what Fluent Bit uploads at most by default) that came twice, all are noticed.
 */
const GENERATION = 50_000;
const MOST_GENERATIONS = 20;

interface Generation<T> {
  readonly records: Map<number, T>;
  latest: Instant;
}

/**
 * What is known of records, by identity, as long as it is wanted. It forgets by whole generations (records that came at about the same
 * time), so forgetting never takes long, whatever is remembered.
 */
export class TrackedRecords<T> {
  /** The youngest first. */
  private generations: Generation<T>[] = [];

  get size(): number {
    return this.generations.reduce((sum, { records }) => sum + records.size, 0);
  }

  get(identity: number): T | undefined {
    for (const { records } of this.generations) {
      const tracked = records.get(identity);
      if (tracked !== undefined) return tracked;
    }
    return undefined;
  }

  /** `order`: before which instant it may be forgotten. */
  add(identity: number, tracked: T, order: Instant): void {
    let [youngest] = this.generations;
    if (youngest === undefined || youngest.records.size >= GENERATION) {
      youngest = { records: new Map(), latest: order };
      this.generations = [youngest, ...this.generations.slice(0, MOST_GENERATIONS - 1)];
    }
    youngest.records.set(identity, tracked);
    if (compareInstants(order, youngest.latest) > 0) youngest.latest = order;
  }

  /** Forgets generations of which every record lies before this. */
  forgetBefore(instant: Instant): void {
    if (this.generations.length < 2) return;
    this.generations = this.generations.filter(({ latest }) => compareInstants(latest, instant) >= 0);
  }
}
