import { expect, test } from '@jest/globals';
import {
  compareInstants,
  formatTime,
  type Instant,
  type LogRecord,
  recordTime,
  shiftInstant,
  writeMessage,
} from '@cordwood/log-record';
import { formatMark, type MessageBatch, type MessageMark, type MessageOptions, parseMark } from '@cordwood/log-store';
import { MemoryObjectStore } from '@cordwood/testkit';
import fc from 'fast-check';
import { startCycle } from './cycle-harness.ts';
import { POD, rawKeyOf, START } from './raw-writer.ts';

/** What `LogReader.messages` gives of a log in any state: what filtering the whole log's messages gives. */

/** Files begin so many seconds apart: further than the reorder window. */
const SPACING = 20;

interface LineOfFile {
  /** Tenths of a second after the line before. */
  readonly pause: number;
  readonly stderr: boolean;
  readonly part: 'P' | 'F';
  /** Whether others have the same text. */
  readonly common: boolean;
}

type Step =
  | { readonly do: 'write'; readonly instance: number; readonly lines: readonly LineOfFile[]; readonly skip: boolean }
  /** A file whose place was left free. */
  | { readonly do: 'late'; readonly which: number; readonly lines: readonly LineOfFile[] }
  /** A file's content under another key. */
  | { readonly do: 'double'; readonly which: number }
  | { readonly do: 'merge' }
  /** A merge, and what it replaced is deleted. */
  | { readonly do: 'compact' };

const line: fc.Arbitrary<LineOfFile> = fc.record({
  pause: fc.constantFrom(0, 0, 1, 5),
  stderr: fc.boolean(),
  part: fc.constantFrom('F', 'F', 'F', 'P'),
  common: fc.constantFrom(false, false, true),
});
const lines = fc.array(line, { minLength: 1, maxLength: 8 });
const merge: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ do: 'merge' as const }),
  fc.constant({ do: 'compact' as const }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('write' as const), instance: fc.nat(2), lines, skip: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('late' as const), which: fc.nat(), lines }) },
  fc.record({ do: fc.constant('double' as const), which: fc.nat() }),
  { weight: 3, arbitrary: merge },
);

/** A message, as far as it can be told. */
interface Shown {
  readonly containerId: string;
  readonly time: string;
  readonly at: Instant;
  readonly text: string;
  readonly stderr: boolean;
  readonly mark: MessageMark;
}

const textOf = (record: LogRecord): string => {
  const target = Buffer.alloc(record.logEnd - record.logStart);
  return target.toString('utf8', 0, writeMessage(record, target, 0));
};

const shownOf = (batch: MessageBatch): Shown[] =>
  batch.messages.map((message, index) => ({
    containerId: batch.instance.containerId,
    at: recordTime(message),
    time: formatTime(recordTime(message)),
    text: textOf(message),
    stderr: message.stderr,
    mark: batch.markOf(index),
  }));

class World {
  readonly store = new MemoryObjectStore();
  readonly cycle;
  private readonly bodies: { instance: number; slot: number; body: Buffer }[] = [];
  private readonly gaps: { instance: number; slot: number }[] = [];
  private slot = 0;
  private count = 0;

  constructor(lookBack?: number) {
    this.cycle = startCycle(this.store, {
      mergedFileSize: 400,
      cleanupDelay: 1000,
      orphanAge: 2000,
      maxMessage: 12,
      ...(lookBack !== undefined && { lookBack }),
    });
  }

  async run(step: Step): Promise<void> {
    this.store.clock += 2000;
    if (step.do === 'write') {
      if (step.skip) this.gaps.push({ instance: step.instance, slot: this.slot++ });
      await this.write({ instance: step.instance, slot: this.slot++ }, step.lines);
    } else if (step.do === 'late') {
      const [gap] = this.gaps.length > 0 ? this.gaps.splice(step.which % this.gaps.length, 1) : [];
      if (gap !== undefined) await this.write(gap, step.lines);
    } else if (step.do === 'double') {
      const copy = this.bodies[step.which % Math.max(1, this.bodies.length)];
      if (copy !== undefined) await this.store.put(this.key(copy), copy.body);
    } else await this.cycle.compactor.compact(POD);
    this.store.clock += 2000;
    if (step.do === 'compact') await this.cycle.cleaner.clean(POD);
  }

  async messages(options: MessageOptions = {}, most = Infinity): Promise<Shown[]> {
    const { instances } = await this.cycle.reader.open(POD);
    const all: Shown[] = [];
    for await (const batch of this.cycle.reader.messages(instances, options)) {
      if (batch.messages.length === 0) throw new Error('a batch without messages');
      all.push(...shownOf(batch));
      if (all.length >= most) break;
    }
    return all.slice(0, most);
  }

  private async write(place: { instance: number; slot: number }, content: readonly LineOfFile[]): Promise<void> {
    let tenths = 0;
    const text = content.map(({ pause, stderr, part, common }) => {
      tenths += pause;
      const time = formatTime(shiftInstant({ seconds: START + place.slot * SPACING, nanos: 7 }, tenths * 100));
      const log = common ? 'same' : `n${(this.count++).toString()};`;
      return `${JSON.stringify({ time, stream: stderr ? 'stderr' : 'stdout', logtag: part, log })}\n`;
    });
    const body = Buffer.from(text.join(''));
    this.bodies.push({ ...place, body });
    await this.store.put(this.key(place), body);
  }

  private index = 0;

  /** Keys are numbered by their place in time, as Fluent Bit does, so that a late file's tells that it is late. */
  private key({ instance, slot }: { instance: number; slot: number }): string {
    const containerId = instance.toString().repeat(64);
    return rawKeyOf({ containerId }, slot * SPACING, slot * 1000 + (this.index++ % 1000));
  }
}

interface Query {
  /** Tenths of seconds from the start of the log. */
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly after: number | undefined;
  readonly tail: number | undefined;
  readonly wanted: number | undefined;
  readonly unfinished: boolean | undefined;
}

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
const query: fc.Arbitrary<Query> = fc.record({
  since: optional(fc.nat(2000)),
  until: optional(fc.nat(3000)),
  after: optional(fc.nat()),
  tail: optional(fc.oneof(fc.nat(5), fc.nat(60))),
  wanted: optional(fc.integer({ min: 2, max: 5 })),
  unfinished: optional(fc.boolean()),
});

const instantAt = (tenths: number | undefined): Instant | undefined =>
  tenths === undefined ? undefined : shiftInstant({ seconds: START, nanos: 7 }, tenths * 100);

/** Most messages, by the lengths of their texts. */
const isChosen = (text: string, among: number): boolean => text.length % among !== 0;

/** Where the marked message is in the whole log. */
function placeOf(mark: Shown, whole: readonly Shown[], earlier: readonly Shown[]): number {
  const isLike = (one: Shown): boolean =>
    one.containerId === mark.containerId && one.time === mark.time && one.text === mark.text;
  let nth = earlier.slice(0, earlier.indexOf(mark) + 1).filter(isLike).length;
  return whole.findIndex((one) => isLike(one) && --nth === 0);
}

async function check(world: World, asked: Query, earlier: readonly Shown[]): Promise<void> {
  const whole = await world.messages({ unfinished: asked.unfinished });
  const marked = asked.after === undefined ? undefined : earlier[asked.after % Math.max(1, earlier.length)];
  const since = instantAt(asked.since);
  const until = instantAt(asked.until);
  const { tail, wanted, unfinished } = asked;
  const place = marked === undefined ? -1 : placeOf(marked, whole, earlier);
  if (marked !== undefined) expect(place).toBeGreaterThanOrEqual(0);
  const fitting = whole
    .slice(place + 1)
    .filter(
      ({ at, text }) =>
        (since === undefined || compareInstants(at, since) >= 0) &&
        (until === undefined || compareInstants(at, until) <= 0) &&
        (wanted === undefined || isChosen(text, wanted)),
    );
  const expected = tail === undefined ? fitting : tail === 0 ? [] : fitting.slice(-tail);
  const after = marked && parseMark(formatMark(marked.mark));
  const given = await world.messages({
    since,
    until,
    after,
    tail,
    unfinished,
    wanted: wanted === undefined ? undefined : (message) => isChosen(textOf(message), wanted),
  });
  // A read that leaves files out may know a later place to find it from.
  const comparable = (all: readonly Shown[]) =>
    all.map((one) => ({ ...one, mark: { ...one.mark, findFrom: undefined } }));
  expect({ asked, given: comparable(given) }).toEqual({ asked, given: comparable(expected) });
}

const runs = Number(process.env['RUNS'] ?? 30);
/** In ms: a machine may be slow. */
const TIMEOUT = runs * 30_000;
const seed = process.env['SEED'];
const parameters = { numRuns: runs, ...(seed !== undefined && { seed: Number(seed) }) };

test(
  'any range, place, end and choice of any log in any state gives what filtering the whole log gives',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 16 }),
        fc.array(step, { maxLength: 6 }),
        fc.array(query, { minLength: 8, maxLength: 8 }),
        async (before, meanwhile, queries) => {
          const world = new World();
          for (const one of before) await world.run(one);
          const earlier = await world.messages({ unfinished: false });
          for (const one of meanwhile) await world.run(one);
          for (const asked of queries) await check(world, asked, earlier);
        },
      ),
      parameters,
    );
  },
  TIMEOUT,
);

const idOf = ({ containerId, time, text, stderr }: Shown): string => [containerId, time, text, stderr].join(' ');

/** The whole log by pages of this size, with a step between any two. */
async function paged(world: World, size: number, meanwhile: readonly Step[]): Promise<Shown[]> {
  const pages: Shown[] = [];
  const rest = [...meanwhile];
  for (;;) {
    const page = await world.messages({ after: pages.at(-1)?.mark, unfinished: false }, size);
    pages.push(...page);
    const next = rest.shift();
    if (next !== undefined) await world.run(next);
    else if (page.length < size) return pages;
  }
}

test(
  'pages of any size, with merging and new files between them, give every message once',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 16 }),
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 7 }),
        async (before, meanwhile, size) => {
          const world = new World();
          for (const one of before) await world.run(one);
          const nthOf = (one: Shown): string => `${idOf(one)} ${one.mark.nth.toString()}`;
          const atFirst = (await world.messages({ unfinished: false })).map(nthOf);
          const given = (await paged(world, size, meanwhile)).map(nthOf);
          const atEnd = (await world.messages({ unfinished: false })).map(nthOf);
          const context = { before, meanwhile, size };
          // Everything there was is given, in order; nothing that is none; nothing twice.
          expect({ context, missing: atFirst.filter((one) => !given.includes(one)) }).toEqual({ context, missing: [] });
          expect({ context, given }).toEqual({ context, given: atEnd.filter((one) => given.includes(one)) });
        },
      ),
      parameters,
    );
  },
  TIMEOUT,
);

test(
  'pages that begin in the middle of lines give every message once, without reading these from their beginnings',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 16 }),
        fc.array(merge, { maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        async (before, meanwhile, size) => {
          const world = new World(0);
          for (const one of before) await world.run(one);
          const given = (await paged(world, size, meanwhile)).map(idOf);
          const context = { before, meanwhile, size };
          const all = (await world.messages({ unfinished: false })).map(idOf);
          expect({ context, given }).toEqual({ context, given: all });
        },
      ),
      parameters,
    );
  },
  TIMEOUT,
);
