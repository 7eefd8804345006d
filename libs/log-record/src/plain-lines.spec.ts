import { isUtf8 } from 'node:buffer';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeMerged, LineDecoder, maxMergedLength, plainMergedText, writeMessage, writeTime } from './index.ts';

const decoded = (text: string) => new LineDecoder('merged', isUtf8).decodeBlock(Buffer.from(text));

/** What is shown of the lines, by way of their records. */
const shown = (text: string, timestamps: boolean): string =>
  decoded(text)
    .map((record) => {
      const target = Buffer.alloc(text.length * 4);
      const timeEnd = timestamps ? writeTime(record, target, 0) : 0;
      if (timestamps) target[timeEnd] = 0x20;
      const line = target.toString('utf8', 0, writeMessage(record, target, timeEnd + Number(timestamps)));
      const message = timestamps ? line.slice(line.indexOf(' ') + 1) : line;
      return message.endsWith('\n') ? line : `${line}\n`;
    })
    .join('');

/** The lines up to the first that is not plain, as they are shown, and those from there on. */
function turned(text: string, timestamps: boolean, inside = true): { shown: string; count: number; rest: string } {
  const block = Buffer.from(text);
  const plain = plainMergedText(block, { timestamps, inside });
  return {
    shown: Buffer.from(plain?.text ?? '').toString(),
    count: plain?.count ?? 0,
    rest: block.toString('utf8', plain?.taken ?? 0),
  };
}

const log = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\r', '\u0000', '\u2028', 'é', '🪵', 'x', '{', '\ud800'),
    maxLength: 60,
  }),
  fc.constantFrom('', '\n', 'a line\n', '","log":"', '{"time":"'),
);
const at = fc.nat(1e6).map((ms) => new Date(1_795_168_800_000 + ms).toISOString());

/** A whole line, as merging writes it. */
const plain = fc.record({ at, stderr: fc.boolean(), log }).map(({ at: time, stderr, log: message }) => {
  const raw = JSON.stringify({ time, stream: stderr ? 'stderr' : 'stdout', log: message });
  const [record] = new LineDecoder('raw', isUtf8).decodeBlock(Buffer.from(raw));
  const target = Buffer.alloc(maxMergedLength(record!));
  return target.toString('utf8', 0, encodeMerged(record!, '', target, 0));
});

test('any lines that are plain come out as they are shown', () => {
  fc.assert(
    fc.property(fc.array(plain), fc.boolean(), fc.boolean(), fc.boolean(), (lines, timestamps, gap, isCut) => {
      const text = lines.join(gap ? '\n' : '');
      // The last line of a file may lack its newline.
      const whole = isCut ? text.replace(/\n$/, '') : text;
      expect(turned(whole, timestamps)).toEqual({ shown: shown(text, timestamps), count: lines.length, rest: '' });
    }),
    { numRuns: 500 },
  );
});

const others = [
  'no JSON',
  '{"time":"2026-11-20T10:00:00Z","log":"a","logtag":"P"}',
  '{"time":"2026-11-20T10:00:00Z","log":"a","stream":"stderr","logtag":"F"}',
  '{"time":"noon","log":"a","ot":"2026-11-20T10:00:00.000000001Z"}',
  '{"time":"2026-11-20T10:00:00Z","log":"a","stream":"stderr"',
  '{"time":"2026-11-20T10:00:00Z","log":"a"} ',
  '{"time":"2026-11-20T10:00:00Z","log":"a"',
  '{"time":"2026-11-20T10:00:00Z","log":"a',
  '{"time":"2026-11-20T10:00:00Z","log":"\\x"}',
  '{"time":"2026-11-20T10:00:00Z","log":"\t"}',
  '{"time":"2026-11-20T10:00:00Z","log":1}',
  '{"time":"\\u0032","log":"a"}',
  '{"log":"a","time":"2026-11-20T10:00:00Z"}',
  '{"time":"',
];

test('the first line that is not plain, and what follows it, stays as it is', () => {
  fc.assert(
    fc.property(
      fc.array(plain),
      fc.constantFrom(...others),
      fc.array(plain),
      fc.boolean(),
      (before, odd, after, timestamps) => {
        const rest = [`${odd}\n`, ...after].join('');
        const expected = { shown: shown(before.join(''), timestamps), count: before.length, rest };
        expect(turned(before.join('') + rest, timestamps)).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test('what could be the last part of a line is a whole one where none is to be joined', () => {
  const text = '{"time":"2026-11-20T10:00:00Z","log":"a","stream":"stderr","logtag":"F"}\n';
  expect(turned(text, false, true)).toEqual({ shown: '', count: 0, rest: text });
  expect(turned(text, false, false)).toEqual({ shown: 'a\n', count: 1, rest: '' });
});
