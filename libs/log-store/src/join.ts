import { compareInstants, type Instant, type LogRecord, orderTime } from '@cordwood/log-record';
import { earliestAfter, OrderSettler } from './order-settler.ts';

/** A file of a run, not opened yet. */
export interface Source {
  /** Ordering time of its first record, or where that is not known of the file before it; undefined when nothing tells. */
  readonly first: Instant | undefined;
  /** Where records at its start belong of which nothing tells: after what the run had before, as far as that is not read here. */
  readonly after?: Instant | undefined;
  /** Whether the run has files right before it that are not read here. */
  readonly afterGap?: boolean;
  /** The date in its key, for when nothing else tells either. */
  readonly date?: Instant | undefined;
  /** Whether later copies of its records must be noticed: true for raw files. */
  readonly raw: boolean;
  open(): AsyncGenerator<LogRecord[]>;
}

/** Consecutive records of one source. All are ordered. */
export interface JoinedRecords<S extends Source> {
  readonly source: S;
  /** Which of the runs. */
  readonly run: number;
  readonly records: LogRecord[];
  /** The earliest first ordering time of what raw files are still to come, this one not counted; undefined: none comes. */
  readonly upcoming: Instant | undefined;
}

/**
 * The records of the runs of one container instance, as one sequence: each run's in its own order, those of several runs by ordering
 * time, ties in the order of the runs. Files are opened one by one, when their time has come. `later`: the earliest first ordering time
 * of raw files that the caller will read after these.
 */
export async function* join<S extends Source>(
  runs: readonly (readonly S[])[],
  later?: Instant,
): AsyncGenerator<JoinedRecords<S>> {
  const cursors = runs.map((sources) => new Cursor(sources));
  try {
    for (;;) {
      const heads = await Promise.all(cursors.map(async (cursor) => cursor.head()));
      const winner = earliest(heads);
      const cursor = cursors[winner];
      if (cursor === undefined) return;
      if (!(await cursor.load())) continue;
      const others = heads.filter((_, index) => index !== winner);
      const upcoming = min([later, ...others, ...cursors.map((each) => each.earliestOfRest())]);
      yield { run: winner, upcoming, ...cursor.take(limitOf(heads, winner)) };
    }
  } finally {
    await Promise.all(cursors.map(async (cursor) => cursor.close()));
  }
}

/** What a run would give next: nothing (`undefined`), or a record with this ordering time (`null`: at once, it is not known). */
type Head = Instant | null | undefined;

/** The run whose turn it is; -1 when all are over. */
function earliest(heads: readonly Head[]): number {
  let winner = -1;
  heads.forEach((head, index) => {
    if (head === undefined) return;
    const best = winner < 0 ? undefined : heads[winner];
    if (best === undefined || (best !== null && (head === null || compareInstants(head, best) < 0))) winner = index;
  });
  return winner;
}

interface Limit {
  readonly before: Instant | undefined;
  readonly orAt: Instant | undefined;
}

/** Up to where the winner may go on before another run's record comes: earlier runs win ties, later ones lose them. */
const limitOf = (heads: readonly Head[], winner: number): Limit => ({
  before: min(heads.slice(0, winner)),
  orAt: min(heads.slice(winner + 1)),
});

function min(instants: readonly Head[]): Instant | undefined {
  let least: Instant | undefined;
  for (const instant of instants) {
    if (instant && (least === undefined || compareInstants(instant, least) < 0)) least = instant;
  }
  return least;
}

/** One run while it is read. */
class Cursor<S extends Source> {
  private readonly sources: readonly S[];
  private readonly settler: OrderSettler;
  private readonly rest: readonly (Instant | undefined)[];
  private next = 0;
  private stream: AsyncGenerator<LogRecord[]> | undefined;
  private records: LogRecord[] = [];
  private at = 0;

  constructor(sources: readonly S[]) {
    this.sources = sources;
    this.settler = new OrderSettler(sources);
    this.rest = earliestAfter(sources);
  }

  /** The ordering time of the next record; that of an unopened file is taken from its `first`. */
  async head(): Promise<Head> {
    while (this.at >= this.records.length) {
      if (this.stream === undefined) {
        const source = this.sources[this.next];
        return source === undefined ? undefined : (source.first ?? null);
      }
      await this.advance();
    }
    const record = this.records[this.at];
    return record === undefined ? undefined : orderTime(record);
  }

  /** Sees to it that the next record is at hand; false when another look at all heads is needed first. */
  async load(): Promise<boolean> {
    if (this.at < this.records.length) return true;
    this.settler.begin();
    this.stream = this.sources[this.next++]?.open();
    await this.advance();
    return false;
  }

  /** The records from the next one on, as far as the limit and those at hand reach; at least one. */
  take(limit: Limit): Pick<JoinedRecords<S>, 'source' | 'records'> {
    const from = this.at++;
    while (this.at < this.records.length && within(this.records[this.at], limit)) this.at++;
    const source = this.sources[this.next - 1];
    if (source === undefined) throw new Error('take before load');
    const whole = from === 0 && this.at === this.records.length;
    return { source, records: whole ? this.records : this.records.slice(from, this.at) };
  }

  earliestOfRest(): Instant | undefined {
    return this.next === 0
      ? min([this.rest[0], this.sources[0]?.raw === true ? this.sources[0].first : undefined])
      : this.rest[this.next - 1];
  }

  async close(): Promise<void> {
    await this.stream?.return(undefined);
  }

  private async advance(): Promise<void> {
    const batch = await this.stream?.next();
    this.at = 0;
    this.records = [];
    if (batch === undefined || batch.done === true) this.stream = undefined;
    else {
      this.records = batch.value;
      this.settler.settle(this.records);
    }
  }
}

function within(record: LogRecord | undefined, { before, orAt }: Limit): boolean {
  if (record === undefined) return false;
  if (before === undefined && orAt === undefined) return true;
  const order = orderTime(record);
  return (
    (before === undefined || compareInstants(order, before) < 0) &&
    (orAt === undefined || compareInstants(order, orAt) <= 0)
  );
}
