import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Instant } from '@cordwood/log-record';
import { compactPod, MemoryObjectStore } from '@cordwood/testkit';
import { BASE, messageOf } from './spec-support.ts';
import { type Outcome, play, type Read, steps, type World } from './random-history.ts';

const secondsOf = ({ seconds, nanos }: Instant): number => seconds - BASE + nanos / 1e9;

const world = (): World => ({
  store: new MemoryObjectStore(),
  compact: async (store, mergedFileSize) => compactPod(store, 'job-a', { mergedFileSize, cleanupDelay: 1_000 }),
});

/** What the reader got, by instance, and the gaps it was told of. */
function received({ collected }: Read) {
  const lines = new Map<string, string[]>();
  const gaps = new Map<string, { readonly after: number; readonly before: number }[]>();
  for (const event of collected.events) {
    if (event.kind === 'live') continue;
    const { containerId } = event.instance;
    if (event.kind === 'gap') {
      const after = event.after === undefined ? -Infinity : secondsOf(event.after);
      gaps.set(containerId, [...(gaps.get(containerId) ?? []), { after, before: secondsOf(event.before) }]);
    } else lines.set(containerId, [...(lines.get(containerId) ?? []), ...event.messages.map(messageOf)]);
  }
  return { lines, gaps };
}

/** Each line once, in order; none is missing but where there is a gap. */
function expectWhole(read: Read, { instances, lost }: Outcome): void {
  expect(read.collected.error).toBeUndefined();
  expect(read.collected.done).toBe(true);
  const { lines, gaps } = received(read);
  for (const { containerId, lines: written } of instances) {
    const wanted = written.filter(({ at }) => read.since === undefined || at >= read.since);
    const got = lines.get(containerId) ?? [];
    // A file that the collector lost leaves no trace in the archive.
    const isMissing = (line: { at: number; log: string }): boolean =>
      lost.has(line.log) ||
      (gaps.get(containerId) ?? []).some(({ after, before }) => line.at >= after && line.at <= before);
    const has = new Set(got);
    expect(got).toEqual(wanted.filter((line) => has.has(line.log) || !isMissing(line)).map(({ log }) => log));
  }
}

describe('whatever happens to a job, its collector and Kubernetes, every reader gets', () => {
  test('every line exactly once, in order, when all of it arrives some day', async () => {
    await fc.assert(
      fc.asyncProperty(steps({ losses: false, clockSteps: false }), async (history) => {
        const outcome = await play(history, world());
        for (const read of outcome.reads) {
          expect(read.collected.events.filter(({ kind }) => kind === 'gap')).toEqual([]);
          expectWhole(read, outcome);
        }
        expect(outcome.openLogs).toBe(0);
      }),
      { numRuns: Number(process.env['HISTORIES'] ?? 40) },
    );
  });

  test('every line that could be had, and a gap where one could not', async () => {
    await fc.assert(
      fc.asyncProperty(steps({ losses: true, clockSteps: false }), async (history) => {
        const outcome = await play(history, world());
        for (const read of outcome.reads) expectWhole(read, outcome);
      }),
      { numRuns: Number(process.env['HISTORIES'] ?? 40) },
    );
  });

  test('every line exactly once, when the clock of its node is set back', async () => {
    await fc.assert(
      fc.asyncProperty(steps({ losses: false, clockSteps: true }), async (history) => {
        const outcome = await play(history, world());
        for (const read of outcome.reads) {
          if (read.since === undefined) expectWhole(read, outcome);
        }
      }),
      { numRuns: Number(process.env['HISTORIES'] ?? 40) },
    );
  });
});
