import { isUtf8 } from 'node:buffer';
import { expect, test } from '@jest/globals';
import { LineDecoder, type LogRecord } from '@cordwood/log-record';
import { markOf } from '@cordwood/log-store';
import { CONTAINER_ID, POD, timeAt } from '../raw-writer.ts';
import type { Candidate } from './inventory.ts';
import { selectLive } from './live-files.ts';

interface Written {
  /** Its records: each a letter, at the second of its place in the alphabet. */
  readonly holds: string;
  readonly merge?: string;
  readonly part?: number;
  readonly basedOn?: readonly string[];
  readonly at?: number;
}

const second = (letter: string): number => letter.charCodeAt(0) - 97;
const keyOf = (name: string): string => `data/${POD}/${CONTAINER_ID}/202611201000_${name.padStart(29, '1')}.gz`;
const recordsOf = (holds: string): LogRecord[] =>
  new LineDecoder('merged', isUtf8).decodeBlock(
    Buffer.from(
      holds
        .split('')
        .map((letter) => `{"time":"${timeAt(second(letter))}","log":"${letter}"}\n`)
        .join(''),
    ),
  );

/** Selects among files whose names are digits; gives what is live, what is not needed, and what is left of the others. */
async function select(files: Readonly<Record<string, Written>>) {
  const read: string[] = [];
  const candidates = Object.entries(files).map(
    ([name, { holds, merge, part = 0, basedOn = [], at = 0 }]): Candidate => {
      const letters = holds.split('').toSorted();
      return {
        file: {
          key: keyOf(name),
          records_count: holds.length,
          size: 0,
          first_record_time: timeAt(second(letters[0] ?? 'a')),
          last_record_time: timeAt(second(letters.at(-1) ?? 'a')),
          namespace: 'ns',
        },
        provenance:
          merge === undefined
            ? undefined
            : { merge, part, position: 0, basedOn: new Set(basedOn.map((other) => markOf(keyOf(other)))) },
        lastModified: at,
      };
    },
  );
  const nameOf = (key: string): string => Object.keys(files).find((name) => keyOf(name) === key) ?? '?';
  const { live, redundant, partial } = await selectLive(candidates, async function* ({ key }) {
    read.push(nameOf(key));
    yield await Promise.resolve(recordsOf(files[nameOf(key)]?.holds ?? ''));
  });
  const names = (some: readonly Candidate[]): string[] => some.map(({ file }) => nameOf(file.key)).toSorted();
  const cut = partial.map(({ candidate, covered }) => [
    nameOf(candidate.file.key),
    [...covered.values()].reduce((sum, count) => sum + count, 0),
  ]);
  return { live: names(live), redundant: names(redundant), cut, read: read.toSorted() };
}

test('a replaced file and the copy of a lost merge are not needed; files that meet no other are not read', async () => {
  expect(
    await select({
      1: { holds: 'ab', merge: 'm1', at: 1 },
      2: { holds: 'abc', merge: 'm2', at: 2 },
      3: { holds: 'abcd', merge: 'm3', at: 3 },
      4: { holds: 'xyz', merge: 'm4', basedOn: ['3'], at: 4 },
    }),
  ).toEqual({ live: ['3', '4'], redundant: ['1', '2'], cut: [], read: ['1', '2', '3'] });
});

test('the same of files that do not say where they come from', async () => {
  expect(await select({ 1: { holds: 'ab', at: 1 }, 2: { holds: 'abc', at: 2 }, 3: { holds: 'de', at: 3 } })).toEqual({
    live: ['2', '3'],
    redundant: ['1'],
    cut: [],
    read: ['1', '2'],
  });
});

test('of a lost merge and those it copies, the ones that a later merge built on stay, whichever is newer', async () => {
  expect(
    await select({
      1: { holds: 'ab', merge: 'm1', at: 1 },
      2: { holds: 'cd', merge: 'm2', basedOn: ['1'], at: 2 },
      3: { holds: 'abcd', merge: 'm3', at: 3 },
      4: { holds: 'z', merge: 'm4', basedOn: ['1', '2'], at: 4 },
    }),
  ).toMatchObject({ live: ['1', '2', '4'], redundant: ['3'] });
});

test('equal records that really are several stay: of one merge, and of a file that knew the other', async () => {
  expect(
    await select({
      1: { holds: 'aab', merge: 'm1', at: 1 },
      2: { holds: 'a', merge: 'm1', part: 1, at: 1 },
      3: { holds: 'a', merge: 'm2', basedOn: ['1', '2'], at: 2 },
    }),
  ).toMatchObject({ live: ['1', '2', '3'], redundant: [], cut: [] });
});

test('files that share a part of their records: one stays, of the others only what it has not', async () => {
  expect(
    await select({
      1: { holds: 'abcd', merge: 'm1', at: 1 },
      2: { holds: 'cde', merge: 'm2', at: 2 },
    }),
  ).toMatchObject({ live: ['1'], redundant: [], cut: [['2', 2]] });
});

test('one copy stands for one record only, where two files of one merge have an equal one each', async () => {
  expect(
    await select({
      1: { holds: 'axyz', merge: 'm1', at: 1 },
      2: { holds: 'ab', merge: 'm2', at: 2 },
      3: { holds: 'ac', merge: 'm2', part: 1, at: 2 },
    }),
  ).toMatchObject({ live: ['1', expect.stringMatching(/[23]/)], redundant: [], cut: [[expect.any(String), 1]] });
});

test('a file that a dead worker stores after all does not stand for two others', async () => {
  // Five equal records in all: file 5 is a copy of one, and file 4 alone brings the last.
  const { live, cut } = await select({
    1: { holds: 'aa', merge: 'm1', at: 1 },
    3: { holds: 'aa', merge: 'm2', basedOn: ['1'], at: 3 },
    4: { holds: 'a', merge: 'm2', part: 1, basedOn: ['1'], at: 3 },
    5: { holds: 'a', merge: 'm1', part: 2, at: 3 },
  });
  expect(cut).toEqual([]);
  expect(live.filter((name) => name !== '5')).toEqual(['1', '3', '4']);
  expect(live).not.toContain('5');
});
