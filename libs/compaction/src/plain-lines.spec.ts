import { gunzipSync, gzipSync } from 'node:zlib';
import { MemoryObjectStore } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { expectSameText, readAll, seededRandom, startCycle } from './cycle-harness.ts';
import { POD, rawKey, START } from './raw-writer.ts';

/**
 * Most lines are merged and shown without records of them. Nobody can tell: the same lines spelled otherwise, which go by records, come out
 * the same.
 */

interface Line {
  /** In ms after the start. */
  readonly at: number;
  /** Undefined: Fluent Bit did not parse it. */
  readonly stream: 'stdout' | 'stderr' | undefined;
  readonly part: string | undefined;
  readonly log: string;
}

/** Another key at the end makes a line none of the usual form. */
const spelled = ({ at, stream, part, log }: Line, plain: boolean): string =>
  JSON.stringify({
    time: new Date(START * 1000 + at).toISOString(),
    stream,
    logtag: part,
    log,
    ...(plain ? {} : { odd: 0 }),
  }) + '\n';

interface Shape {
  readonly seed: number;
  /** How many lines each file has. */
  readonly files: readonly number[];
  /** How often a line's time steps back, jumps, or is that of the line before; and how often it is a part, of a thousand. */
  readonly back: number;
  readonly jump: number;
  readonly same: number;
  readonly parts: number;
  /** How often a whole file is of lines that were not parsed, of a hundred. */
  readonly unparsed: number;
  /** How much of each file the next one begins with once more, of a hundred. */
  readonly again: number;
}

/** Files of a log, by what random numbers make of the shape. */
function filesOf({ seed, files, back, jump, same, parts, unparsed, again }: Shape): Line[][] {
  const random = seededRandom(seed);
  const chance = (of: number, all: number): boolean => random() * all < of;
  let [at, index] = [0, 0];
  let before: Line[] = [];
  return files.map((count) => {
    const repeated = before.slice(Math.ceil(before.length * (1 - again / 100)));
    const isParsed = !chance(unparsed, 100);
    const fresh = Array.from({ length: count }, (): Line => {
      if (!chance(same, 1000)) at += Math.floor(random() * 200);
      if (chance(back, 1000)) at = Math.max(0, at - Math.floor(random() * 9000));
      if (chance(jump, 1000)) at += 15_000;
      const part = chance(parts, 1000) ? 'P' : chance(900, 1000) ? 'F' : undefined;
      const log = chance(100, 1000) ? 'again and again' : `line ${(index++).toString()} "${'x'.repeat(random() * 90)}"`;
      const stream = chance(100, 1000) ? 'stderr' : 'stdout';
      return { at, stream: isParsed ? stream : undefined, part, log };
    });
    before = fresh;
    return [...repeated, ...fresh];
  });
}

const often = fc.constantFrom(0, 0, 2, 30);
const shape: fc.Arbitrary<Shape> = fc.record({
  seed: fc.nat(),
  files: fc.array(fc.nat(400), { minLength: 1, maxLength: 6 }),
  back: often,
  jump: often,
  same: fc.constantFrom(0, 2, 300),
  parts: often,
  unparsed: fc.constantFrom(0, 0, 50),
  again: fc.constantFrom(0, 0, 0, 10, 100),
});

/** What becomes of the files when the log is merged after each of these. */
async function outcome(files: readonly Line[][], mergeAfter: readonly boolean[], limit: number, plain: boolean) {
  const store = new MemoryObjectStore(START * 1000);
  const cycle = startCycle(store, { mergedFileSize: limit, cleanupDelay: 1e9 });
  const texts: string[] = [];
  const read = async (): Promise<void> => {
    const { instances } = await cycle.reader.open(POD);
    for (const timestamps of [false, true]) texts.push(await readAll(cycle.reader.text(instances, { timestamps })));
  };
  for (const [index, lines] of files.entries()) {
    store.clock += 60_000;
    const text = Buffer.from(lines.map((line) => spelled(line, plain)).join(''));
    // Each other file is compressed.
    await store.put(rawKey(60 * index, index), index % 2 === 0 ? text : gzipSync(text));
    if (mergeAfter[index] !== true) continue;
    await read();
    await cycle.compactor.compact(POD);
  }
  await read();
  await cycle.compactor.compact(POD);
  await read();
  const { log_files: merged } = (await cycle.options.metadata.read(POD)).metadata;
  const stored = merged.map(({ key }) => gunzipSync(store.objects.get(key)!.bytes).toString());
  const entries = merged.map(({ first_record_time, last_record_time, order_time, end_order_time, ends_inside, run }) =>
    [first_record_time, last_record_time, order_time, end_order_time, ends_inside, run].join(' '),
  );
  return { texts, stored, entries };
}

test('any log is merged and shown as it is by way of records', async () => {
  await fc.assert(
    fc.asyncProperty(shape, fc.array(fc.boolean(), { maxLength: 6 }), async (of, mergeAfter) => {
      const files = filesOf(of);
      const [quick, slow] = [
        await outcome(files, mergeAfter, 10 * 1024 * 1024, true),
        await outcome(files, mergeAfter, 10 * 1024 * 1024, false),
      ];
      for (const [index, text] of quick.texts.entries()) expectSameText(text, slow.texts[index] ?? '', 'shown');
      expectSameText(quick.stored.join(), slow.stored.join(), 'merged');
      expect(quick.entries).toEqual(slow.entries);
    }),
    { numRuns: 60 },
  );
});

test('whatever the size of merged files, which may end at other lines', async () => {
  await fc.assert(
    fc.asyncProperty(shape, fc.constantFrom(500, 5000, 20_000), async (of, limit) => {
      const files = filesOf(of);
      const [quick, slow] = [await outcome(files, [], limit, true), await outcome(files, [], limit, false)];
      for (const [index, text] of quick.texts.entries()) expectSameText(text, slow.texts[index] ?? '', 'shown');
      expectSameText(quick.stored.join(''), slow.stored.join(''), 'merged');
      expect(Math.max(...quick.stored.map((text) => text.length))).toBeLessThanOrEqual(limit);
    }),
    { numRuns: 30 },
  );
});

test('also where the other stream goes on for long while a line in parts is open', async () => {
  const line = (at: number, stream: 'stdout' | 'stderr', part = 'F'): Line => {
    return { at, stream, part, log: `line ${at.toString()}` };
  };
  const files = [0, 1000].map((start) => [
    ...Array.from({ length: 200 }, (_, at) => line(start + at, 'stdout')),
    line(start + 200, 'stdout', 'P'),
    ...Array.from({ length: 200 }, (_, at) => line(start + 201 + at, 'stderr')),
    ...Array.from({ length: 100 }, (_, at) => line(start + 401 + at, 'stdout')),
  ]);
  for (const mergeAfter of [[], [true]]) {
    const quick = await outcome(files, mergeAfter, 10 * 1024 * 1024, true);
    expect(quick).toEqual(await outcome(files, mergeAfter, 10 * 1024 * 1024, false));
  }
});

test('also behind a line that is larger than a merged file', async () => {
  const line = (at: number, log: string): Line => ({ at, stream: 'stdout', part: 'F', log });
  const small = Array.from({ length: 2000 }, (_, at) => line(at, `line ${at.toString()}`));
  const files = [[...small.slice(0, 500), line(500, 'x'.repeat(2_000_000)), ...small.slice(500)]];
  const [quick, slow] = [await outcome(files, [], 100_000, true), await outcome(files, [], 100_000, false)];
  expectSameText(quick.stored.join(''), slow.stored.join(''), 'merged');
  expect(quick.texts).toEqual(slow.texts);
  const tooLarge = quick.stored.filter((text) => text.length > 100_000);
  expect(tooLarge.map((text) => text.indexOf('\n') === text.length - 1)).toEqual([true]);
});
