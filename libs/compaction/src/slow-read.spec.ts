import { expect, test } from '@jest/globals';
import { PositionLostError } from '@cordwood/log-store';
import { MemoryObjectStore } from '@cordwood/testkit';
import fc from 'fast-check';
import { type Cycle, startCycle } from './cycle-harness.ts';
import { NAMESPACE, POD, rawKey, timeAt } from './raw-writer.ts';

/** Reads that go on for so long that merging and cleaning take the files away from under them (I7). */

/** Files begin so many seconds apart: further than the reorder window, so that the order of the log is that of time. */
const SPACING = 20;
/** Bytes of a message: a chunk of text holds three. */
const LENGTH = 20_000;

/** A raw file: its place in time, and how many messages it holds. The last one may be cut, its rest begins the next file. */
interface File {
  readonly slot: number;
  readonly messages: number;
  readonly cut: boolean;
}

type Step =
  | { readonly do: 'read'; readonly chunks: number }
  /** The next file of the log; `skip` leaves a place free for a late one. */
  | { readonly do: 'write'; readonly messages: number; readonly cut: boolean; readonly skip: boolean }
  /** A file whose place was left free. */
  | { readonly do: 'late'; readonly which: number; readonly messages: number }
  /** A file's content under another key. */
  | { readonly do: 'double'; readonly which: number }
  | { readonly do: 'merge' }
  | { readonly do: 'clean' }
  /** A merge, and what it replaced is deleted. */
  | { readonly do: 'compact' };

const count = fc.integer({ min: 1, max: 5 });
const write = fc.record({ do: fc.constant('write' as const), messages: count, cut: fc.boolean(), skip: fc.boolean() });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), chunks: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: write },
  fc.record({ do: fc.constant('late' as const), which: fc.nat(), messages: count }),
  fc.record({ do: fc.constant('double' as const), which: fc.nat() }),
  { weight: 2, arbitrary: fc.constant({ do: 'merge' as const }) },
  fc.constant({ do: 'clean' as const }),
  { weight: 3, arbitrary: fc.constant({ do: 'compact' as const }) },
);

const message = (second: number): string => `second ${second.toString()} `.padEnd(LENGTH, '.');

/** The log of a pod as it comes to be, and what a read of it must give. */
class World {
  readonly store = new MemoryObjectStore();
  readonly cycle: Cycle;
  /** Seconds of the messages that are there as a whole; a message stands where its last part came. */
  readonly written = new Map<number, number>();
  private readonly bodies: { slot: number; body: Buffer }[] = [];
  private readonly gaps: number[] = [];
  private slot = 0;
  private index = 0;
  private cutLine: number | undefined;

  constructor(readAhead: number) {
    const changes = { mergedFileSize: 12 * LENGTH, cleanupDelay: 1000, orphanAge: 2000, readAhead };
    this.cycle = startCycle(this.store, changes);
  }

  async run(step: Step): Promise<void> {
    this.store.clock += 2000;
    if (step.do === 'write') {
      if (step.skip) this.gaps.push(this.slot++);
      await this.write({ slot: this.slot++, messages: step.messages, cut: step.cut });
    } else if (step.do === 'late' && this.gaps.length > 0) {
      const [slot = 0] = this.gaps.splice(step.which % this.gaps.length, 1);
      await this.store.put(this.key(slot), this.late(slot, step.messages));
    } else if (step.do === 'double' && this.bodies.length > 0) {
      const { slot, body } = this.bodies[step.which % this.bodies.length] ?? { slot: 0, body: Buffer.alloc(0) };
      await this.store.put(this.key(slot), body);
    }
    if (step.do === 'merge' || step.do === 'compact') await this.cycle.compactor.compact(POD);
    this.store.clock += 2000;
    if (step.do === 'clean' || step.do === 'compact') await this.cycle.cleaner.clean(POD);
  }

  /** Keys are numbered by their place in time, as Fluent Bit does, so that a late file's tells that it is late. */
  private key(slot: number): string {
    return rawKey(slot * SPACING, slot * 1000 + (this.index++ % 1000));
  }

  private async write({ slot, messages, cut }: File): Promise<void> {
    const lines: string[] = [];
    const add = (second: number, logtag: string, log: string): void => {
      lines.push(`${JSON.stringify({ time: timeAt(second), stream: 'stdout', logtag, log })}\n`);
    };
    if (this.cutLine !== undefined) {
      add(slot * SPACING, 'F', message(this.cutLine).slice(100));
      this.written.set(this.cutLine, slot * SPACING);
      this.cutLine = undefined;
    }
    for (let nth = 1; nth <= messages; nth++) {
      const second = slot * SPACING + nth;
      if (cut && nth === messages) {
        add(second, 'P', message(second).slice(0, 100));
        this.cutLine = second;
      } else {
        add(second, 'F', message(second));
        this.written.set(second, second);
      }
    }
    const body = Buffer.from(lines.join(''));
    this.bodies.push({ slot, body });
    await this.store.put(this.key(slot), body);
  }

  private late(slot: number, messages: number): Buffer {
    const seconds = Array.from({ length: messages }, (_, nth) => slot * SPACING + nth + 1);
    const line = (second: number): string =>
      `${JSON.stringify({ time: timeAt(second), stream: 'stdout', logtag: 'F', log: message(second) })}\n`;
    for (const second of seconds) this.written.set(second, second);
    const body = Buffer.from(seconds.map(line).join(''));
    this.bodies.push({ slot, body });
    return body;
  }
}

/** Seconds of the messages in a text; undefined for one that is not whole. */
const secondsIn = (text: string): (number | undefined)[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const second = Number(/^second (\d+) /.exec(line)?.[1]);
      return line === message(second) ? second : undefined;
    });

/** How the reads went on, so that the property shows that it saw what it is about. */
interface Seen {
  reads: number;
  overtaken: number;
}

async function play(before: readonly Step[], during: readonly Step[], readAhead: number, seen: Seen): Promise<void> {
  const world = new World(readAhead);
  for (const step of before) if (step.do !== 'read') await world.run(step);
  const required = [...world.written.keys()];

  const log = await world.cycle.reader.open(POD);
  const text = world.cycle.reader.text(log.instances.filter(({ namespace }) => namespace === NAMESPACE));
  const chunks: Uint8Array[] = [];
  const take = async (most: number): Promise<void> => {
    for (let taken = 0; taken < most; taken++) {
      const { done, value } = await text.next();
      if (done === true) return;
      chunks.push(value);
    }
  };
  let gone = 0;
  const { store } = world;
  const get = store.get.bind(store);
  store.get = async (key, options) => {
    if (!store.objects.has(key)) gone++;
    return get(key, options);
  };
  for (const step of during) await (step.do === 'read' ? take(step.chunks) : world.run(step));
  await take(Infinity);

  const seconds = secondsIn(Buffer.concat(chunks).toString('latin1'));
  // A line whose end had not come when the read passed it stands at the end as it is: what is whole before that counts.
  const whole = seconds.filter((second) => second !== undefined);
  const context = { before, during, seconds };
  expect({ context, missing: required.filter((second) => !whole.includes(second)) }).toEqual({
    context,
    missing: [],
  });
  expect({ context, unknown: whole.filter((second) => !world.written.has(second)) }).toEqual({ context, unknown: [] });
  const place = (second: number): number => world.written.get(second) ?? NaN;
  const inOrder = [...new Set(whole)].toSorted((a, b) => place(a) - place(b));
  expect({ context, whole }).toEqual({ context, whole: inOrder });
  seen.reads++;
  if (gone > 0) seen.overtaken++;
}

test('a read goes on where it stood, whatever becomes of its files meanwhile', async () => {
  const seen = { reads: 0, overtaken: 0 };
  const seed = process.env['SEED'];
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 20 }),
      fc.array(step, { minLength: 10, maxLength: 30 }),
      // Of files that are in memory already there is nothing to be taken away.
      fc.constantFrom(0, 1_000_000),
      async (before, during, readAhead) => play(before, during, readAhead, seen),
    ),
    { numRuns: Number(process.env['RUNS'] ?? 40), ...(seed !== undefined && { seed: Number(seed) }) },
  );
  expect(seen.overtaken).toBeGreaterThan(seen.reads / 10);
});

test('a read whose place is gone breaks off, and never ends well', async () => {
  const world = new World(0);
  for (let file = 0; file < 8; file++) await world.run({ do: 'write', messages: 5, cut: false, skip: false });
  await world.run({ do: 'merge' });
  await world.run({ do: 'clean' });
  const text = world.cycle.reader.text((await world.cycle.reader.open(POD)).instances);
  for (let chunk = 0; chunk < 3; chunk++) await text.next();

  // Somebody puts another log in its place.
  for (const key of [...world.store.objects.keys()]) world.store.objects.delete(key);
  await world.store.put(rawKey(0, 1), Buffer.from(`${JSON.stringify({ time: timeAt(1), log: 'another' })}\n`));
  const rest = async (): Promise<void> => {
    for (;;) if ((await text.next()).done === true) return;
  };
  await expect(rest()).rejects.toThrow(PositionLostError);
});
