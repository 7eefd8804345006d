import { MemoryObjectStore } from '@cordwood/testkit';
import { gunzipSync } from 'node:zlib';
import { mostOpenFiles } from '@cordwood/log-store';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Cycle, expectSameText, startCycle } from './cycle-harness.ts';
import { messageAt, NAMESPACE, POD, rawBody, rawKey, START, textOf, timeAt } from './raw-writer.ts';

/** How many files a log has of which many raw files arrive late, and what becomes of its text. */

const LIMIT = 10 * 1024 * 1024;
const DELAY = 60_000;

let store: MemoryObjectStore;
let cycle: Cycle;
beforeEach(() => start());

function start(): void {
  store = new MemoryObjectStore(START * 1000);
  cycle = startCycle(store, { cleanupDelay: DELAY, mergedFileSize: LIMIT });
}

const SLOT = 60;
/** The seconds of a slot's records. */
const secondsOf = (slot: number): number[] => [0, 7, 20].map((second) => slot * SLOT + second);

/** Delivers the slot's raw file: its key and times are of the slot, whenever it arrives. */
async function deliver(slot: number, body: Buffer = rawBody(secondsOf(slot))): Promise<void> {
  store.clock += 1000;
  await store.put(rawKey(slot * SLOT, slot), body);
}

const filesOf = async () => (await cycle.options.metadata.read(POD)).metadata.log_files;
const runsOf = async (): Promise<number> => new Set((await filesOf()).map((file) => file.run ?? 0)).size;
const storedText = async (): Promise<string[]> =>
  (await filesOf()).map(({ key }) => gunzipSync(store.objects.get(key)?.bytes ?? '').toString());

/** Gives in how many ms there is more to clean, if there is. */
const clean = async (): Promise<number | undefined> => (await cycle.cleaner.clean(POD)).againInMs;

/** The text of the slots, whatever the order in which they came: their times tell. */
const expected = (slots: readonly number[]): string => textOf(slots.toSorted((a, b) => a - b).flatMap(secondsOf));

describe('raw files that arrive late', () => {
  test('backwards, each in a run of its own, do not leave a run for each; what was joined is deleted', async () => {
    const slots = Array.from({ length: 40 }, (_, nth) => 40 - nth);
    for (const [nth, slot] of slots.entries()) {
      await deliver(slot);
      await cycle.compactor.compact(POD);
      // The log as it was delivered, what was joined, and the one that came just now.
      expect(await runsOf()).toBeLessThanOrEqual(3);
      expectSameText(await cycle.text(POD, NAMESPACE), expected(slots.slice(0, nth + 1)), `after ${nth.toString()}`);
    }
    store.clock += DELAY;
    for (let again = await clean(); again !== undefined; again = await clean()) store.clock += again;
    const stored = [...store.objects.keys()].filter((key) => !key.startsWith('metadata/'));
    expect(stored.toSorted()).toEqual((await filesOf()).map(({ key }) => key).toSorted());
    expectSameText(await cycle.text(POD, NAMESPACE), expected(slots), 'when all is clean');
  });

  test('in any order, merged and cleaned at any time: the text is that of their times', async () => {
    const steps = fc
      .uniqueArray(fc.nat(59), { maxLength: 25, size: 'max' })
      .chain((slots) =>
        fc.tuple(
          fc.constant(slots),
          fc.array(fc.constantFrom('merge', 'clean', 'wait'), { minLength: slots.length, maxLength: slots.length }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(steps, async ([slots, then]) => {
        start();
        for (const [nth, slot] of slots.entries()) {
          await deliver(slot);
          if (then[nth] === 'wait') continue;
          await cycle.compactor.compact(POD);
          if (then[nth] === 'clean') {
            store.clock += DELAY;
            await cycle.cleaner.clean(POD);
          }
          expectSameText(
            await cycle.text(POD, NAMESPACE),
            expected(slots.slice(0, nth + 1)),
            `after ${nth.toString()}`,
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  test('large ones: files and written bytes are within their bounds', async () => {
    const filler = 'x'.repeat(1000);
    const body = (slot: number, kib: number): Buffer =>
      Buffer.from(
        Array.from({ length: kib }, (_, nth) =>
          JSON.stringify({ time: timeAt(slot * SLOT + nth / 100), stream: 'stdout', log: `${slot} ${nth} ${filler}` }),
        ).join('\n') + '\n',
      );
    const limit = 1024 * 1024;
    cycle = startCycle(store, { cleanupDelay: DELAY, mergedFileSize: limit });
    const KIB = [70, 90, 100, 250, 80, 300];
    let total = 0;
    let written = 0;
    const merges = 30;
    for (let slot = merges; slot > 0; slot--) {
      const before = new Set((await filesOf()).map(({ key }) => key));
      await deliver(slot, body(slot, KIB[slot % KIB.length] ?? 0));
      await cycle.compactor.compact(POD);
      const files = await filesOf();
      written += files.filter(({ key }) => !before.has(key)).reduce((sum, { size }) => sum + size, 0);
      total = files.reduce((sum, { size }) => sum + size, 0);
      expect(files.length).toBeLessThanOrEqual((2 * total) / (limit / 2) + mostOpenFiles(limit) + 2);
    }
    const text = await cycle.text(POD, NAMESPACE);
    expect(text.split('\n').map((line) => line.split(' ')[0])).toEqual([
      ...Array.from({ length: merges }, (_, slot) =>
        Array.from({ length: KIB[(slot + 1) % KIB.length] ?? 0 }, () => (slot + 1).toString()),
      ).flat(),
      '',
    ]);
    expect(written).toBeLessThanOrEqual(4 * total);
  });
});

describe('runs that cannot become one', () => {
  const line = (second: number, log: string, logtag: 'P' | 'F'): string =>
    `${JSON.stringify({ time: timeAt(second), stream: 'stdout', logtag, log })}\n`;

  test('those with parts of lines stay as they are, are not tried again, and hold up no others', async () => {
    await deliver(50);
    const inParts = Buffer.from(line(1200, 'one ', 'P') + line(1230, 'line', 'F'));
    await deliver(20, inParts);
    await cycle.compactor.compact(POD);
    // Between the parts of that line in time.
    await store.put(rawKey(1190, 19), Buffer.from(line(1210, 'other', 'F')));
    await cycle.compactor.compact(POD);
    const text = `other\none line\n${textOf(secondsOf(50))}`;
    expect(await cycle.text(POD, NAMESPACE)).toBe(text);
    for (const slot of [9, 8, 7, 6]) {
      await deliver(slot);
      await cycle.compactor.compact(POD);
    }
    const slots = [6, 7, 8, 9];
    expect(await cycle.text(POD, NAMESPACE)).toBe(expected(slots) + text);
    expect((await filesOf()).filter(({ lone }) => lone).map(({ run }) => run)).toEqual([1]);
    // The log, the one in parts, the joined ones, and the last.
    expect(await runsOf()).toBe(4);
  });

  test('one that is damaged stays, and is left to be reported by who reads it', async () => {
    for (const slot of [50, 40, 30]) {
      await deliver(slot);
      await cycle.compactor.compact(POD);
    }
    const [, late] = await filesOf();
    const { bytes } = store.objects.get(late?.key ?? '') ?? { bytes: Buffer.of() };
    await store.put(late?.key ?? '', bytes.subarray(0, bytes.length - 12));
    cycle.reports.length = 0;
    for (const slot of [20, 10]) {
      await deliver(slot);
      await cycle.compactor.compact(POD);
    }
    expect(cycle.reports).toEqual([]);
    expect((await filesOf()).filter(({ lone }) => lone).map(({ key }) => key)).toEqual([late?.key]);
    await expect(cycle.text(POD, NAMESPACE)).rejects.toThrow(`${late?.key ?? ''} is damaged`);
  });
});

test('runs become one only when no raw file is known that is not merged: it might go on where one of them ends', async () => {
  for (const slot of [50, 40, 30]) {
    await deliver(slot);
    await cycle.compactor.compact(POD);
  }
  await deliver(60);
  await deliver(61);
  const before = await runsOf();
  const tight = startCycle(store, { limits: { keepUpTo: 1e6, keptBytes: 1e6, files: 1 }, cleanupDelay: DELAY });
  const commits: string[] = [];
  store.before = (operation, key) => {
    if (operation === 'put' && key.startsWith('data/')) commits.push('file');
    if (operation === 'put' && key.startsWith('metadata/')) commits.push('commit');
  };
  await tight.compactor.compact(POD);
  expect(before).toBe(3);
  expect(commits).toEqual(['file', 'commit', 'file', 'file', 'commit']);
  expect(await runsOf()).toBe(2);
  expect(await cycle.text(POD, NAMESPACE)).toBe(expected([30, 40, 50, 60, 61]));
  expect((await storedText()).join('')).toContain(messageAt(30 * SLOT));
});

test('a raw file that follows the newest of what was joined goes on after it, as it would have', async () => {
  for (const slot of [50, 40, 30]) {
    await deliver(slot);
    await cycle.compactor.compact(POD);
  }
  await deliver(51);
  await cycle.compactor.compact(POD);
  expect(await runsOf()).toBe(2);
  await deliver(41);
  await cycle.compactor.compact(POD);
  // No run of its own.
  expect(await runsOf()).toBe(2);
  // One between what was joined has.
  await deliver(35);
  await cycle.compactor.compact(POD);
  expect(await runsOf()).toBe(3);
  expect(await cycle.text(POD, NAMESPACE)).toBe(expected([30, 35, 40, 41, 50, 51]));
});
