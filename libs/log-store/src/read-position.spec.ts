import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogFile } from '@cordwood/pod-metadata';
import { ReadPosition } from './read-position.ts';
import { type Line, messageOf, recordsOf, timeAt } from './spec-support.ts';

const file = (key: string, count: number, last: number): LogFile => ({
  key,
  records_count: count,
  size: 1,
  first_record_time: timeAt(0),
  last_record_time: timeAt(last),
  namespace: 'team',
});
const keys = (files: readonly LogFile[]): string[] => files.map(({ key }) => key);

/** A position after these lines of run 0. */
function after(lines: readonly Line[]): ReadPosition {
  const position = new ReadPosition();
  position.advance(0, recordsOf(lines));
  return position;
}

const line = (at: number, log = 'x'): Line => ({ at, log });

describe('files that need not be read again', () => {
  test('are those before the record that was read last, by their counts', () => {
    const position = after([line(1), line(2), line(3), line(4)]);
    const files = [file('a', 2, 2), file('b', 1, 3), file('c', 1, 4), file('d', 5, 9)];
    // The one that holds it is: the place must be found again.
    expect(keys(position.remaining(0, files))).toEqual(['c', 'd']);
  });

  test('are none that reach up to that record, whatever the counts say', () => {
    // A record that was read as one of another run: here it is a different one that makes up the count.
    const position = after([line(1), line(2), line(5)]);
    expect(keys(position.remaining(0, [file('a', 1, 1), file('b', 1, 6), file('c', 9, 9)]))).toEqual(['b', 'c']);
    expect(keys(position.remaining(1, [file('late', 1, 3)]))).toEqual(['late']);
  });

  test('are none of the reference, whose times say nothing reliable', () => {
    const { namespace: _, ...reference } = file('logs/r', 1, 1);
    expect(keys(after([line(1), line(2)]).remaining(0, [reference, file('b', 3, 9)]))).toEqual(['logs/r', 'b']);
  });

  test('those left out at the beginning count too', () => {
    const position = new ReadPosition();
    position.leaveOut(0, 10);
    position.advance(0, recordsOf([line(20), line(21)]));
    expect(keys(position.remaining(0, [file('a', 10, 10), file('b', 1, 20), file('c', 1, 21)]))).toEqual(['c']);
  });
});

describe('the place', () => {
  test('is found among other files with more records in them: what comes after it is what has not been read', () => {
    // Few different lines, so that equal ones abound, in order of time.
    const lines = fc
      .array(fc.record({ at: fc.nat(3), log: fc.constantFrom('a', 'b') }), { minLength: 1, maxLength: 12 })
      .map((all) => all.toSorted((a, b) => a.at - b.at));
    fc.assert(
      fc.property(
        lines,
        fc.array(fc.nat(20)),
        fc.nat(12),
        fc.integer({ min: 1, max: 4 }),
        (all, inserted, read, batch) => {
          const seen = all.slice(0, Math.max(1, read));
          const position = new ReadPosition();
          for (let at = 0; at < seen.length; at += batch) position.advance(0, recordsOf(seen.slice(at, at + batch)));
          // Records of a late file: like none of the others.
          const now: Line[] = [...all];
          for (const place of inserted) {
            const before = now[place % now.length];
            now.splice(place % now.length, 0, { at: before?.at ?? 0, log: `late ${place}` });
          }
          const seek = position.seek();
          const rest = recordsOf(now).flatMap((record) => seek.after([record]));
          expect(seek.found).toBe(true);
          expect(rest.map(messageOf).filter((log) => !log.startsWith('late'))).toEqual(
            all.slice(seen.length).map(({ log }) => log),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('that is not there is not found', () => {
    const seek = after([line(1), line(2, 'gone')]).seek();
    expect(seek.after(recordsOf([line(1), line(2), line(3)]))).toEqual([]);
    expect(seek.found).toBe(false);
    expect(new ReadPosition().seek().found).toBe(true);
  });
});
