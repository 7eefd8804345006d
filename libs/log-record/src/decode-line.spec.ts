import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeOddLine } from './decode-odd-line.ts';
import {
  isOrdered,
  isTimed,
  LineDecoder,
  type LogRecord,
  parseTime,
  type Part,
  writeMessage,
  writeTime,
} from './index.ts';

/** What a record says, independent of where its bytes lie. */
interface View {
  readonly message: string;
  readonly time: string;
  readonly stderr: boolean;
  readonly part: Part;
  readonly parsed: boolean;
  readonly instant: unknown;
  readonly order: unknown;
}

/** Throws where bytes are not UTF-8: what is written always must be. */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function view(record: LogRecord): View {
  const target = new Uint8Array(record.logEnd - record.logStart + record.timeEnd - record.timeStart);
  return {
    message: strict.decode(target.subarray(0, writeMessage(record, target, 0))),
    time: strict.decode(target.subarray(0, writeTime(record, target, 0))),
    stderr: record.stderr,
    part: record.part,
    parsed: record.parsed,
    instant: isTimed(record) ? { seconds: record.seconds, nanos: record.nanos } : undefined,
    order: isOrdered(record) ? { seconds: record.orderSeconds, nanos: record.orderNanos } : undefined,
  };
}

const decode = (bytes: Uint8Array, format: 'raw' | 'merged' = 'raw'): View[] =>
  new LineDecoder(format, isUtf8).decodeBlock(bytes).map(view);

/** A field of a JSON line: its name, and its value as it is spelled. */
type Field = readonly [name: string, spelled: string];

/** DESIGN section 5, "Decoding", for a raw line, from a JSON.parse of its own; `undefined` fields: not a JSON object. */
function oracle(text: string, fields: readonly Field[] | undefined): View {
  if (fields === undefined) return { ...NOTHING, message: text };
  const value = JSON.parse(text) as Record<string, unknown>;
  const textOf = (name: string): string =>
    typeof value[name] === 'string' ? value[name].toWellFormed() : fields.findLast((field) => field[0] === name)![1];
  const message = 'log' in value ? textOf('log') : '';
  const hasTime = 'time' in value && value['time'] !== null;
  const words = message.split(' ');
  const criTag = /^([PF])(:\S*)?$/.exec(words[2] ?? '');
  if (!hasTime && words.length > 3 && criTag && /^std(out|err)$/.test(words[1]!) && parseTime(words[0]!)) {
    const rest = { stderr: words[1] === 'stderr', part: criTag[1] as Part, parsed: true };
    const instant = parseTime(words[0]!);
    return { message: words.slice(3).join(' '), time: words[0]!, ...rest, instant, order: instant };
  }
  const time = hasTime ? textOf('time') : '';
  const parsed = value['stream'] !== undefined && value['stream'] !== null;
  const instant = parseTime(time);
  const tag = typeof value['logtag'] === 'string' ? value['logtag'].split(':')[0] : '';
  const part = tag === 'P' || tag === 'F' ? tag : '';
  return {
    message,
    time,
    stderr: value['stream'] === 'stderr',
    part,
    parsed,
    instant,
    order: parsed ? instant : undefined,
  };
}

const NOTHING: View = {
  message: '',
  time: '',
  stderr: false,
  part: '',
  parsed: false,
  instant: undefined,
  order: undefined,
};

const escapeAll = (text: string): string =>
  `"${[...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;
/** A JSON string in one of several spellings. */
const spelled = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      text,
      fc.constantFrom(JSON.stringify, escapeAll, (t: string) => JSON.stringify(t).replaceAll('/', '\\/')),
    )
    .map(([t, spell]) => spell(t));

const message = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', '\x1b', '\0', '"', '\\', '/', '\n', '}', ' ', '\x7f', 'é') }),
);
const time = fc.constantFrom(
  '2026-11-20T10:00:00.123456789Z',
  '2026-11-20T10:00:01.5+02:00',
  '2026-11-20T10:01:00.000001Z',
  '2026-11-20 10:00:00',
  '2026-02-30T10:00:00Z',
  'noon',
  '',
);
const cri = fc
  .tuple(time, fc.constantFrom('stdout', 'stderr', 'stdin'), fc.constantFrom('F', 'P', 'F:x', 'Q', ''), message)
  .map((words) => words.join(' '));
const odd = fc.constantFrom(
  'null',
  'true',
  '12345678901234567890',
  '1.0',
  '-0',
  '1E400',
  '[]',
  '{}',
  '[1.50,{"a":"}"}]',
);

const FIELDS: Record<string, fc.Arbitrary<string>> = {
  time: fc.oneof({ weight: 8, arbitrary: spelled(time) }, odd),
  stream: fc.oneof({ weight: 8, arbitrary: spelled(fc.constantFrom('stdout', 'stderr', 'std', 'stderr ')) }, odd),
  logtag: fc.oneof({ weight: 8, arbitrary: spelled(fc.constantFrom('F', 'P', 'P:x', 'F:P', 'FF', '')) }, odd),
  log: fc.oneof({ weight: 8, arbitrary: spelled(fc.oneof({ weight: 4, arbitrary: message }, cri)) }, odd),
  _p: fc.oneof(spelled(fc.constantFrom('P', 'F', '"')), odd),
  kubernetes: fc.oneof(
    fc.dictionary(message, fc.oneof(message, fc.dictionary(message, message))).map((map) => JSON.stringify(map)),
    odd,
  ),
  ot: fc.oneof(spelled(time), odd),
  more: fc.oneof(spelled(message), odd),
};
const field = fc
  .constantFrom(...Object.keys(FIELDS))
  .chain((name) => fc.tuple(fc.constant(name), FIELDS[name] ?? fc.constant('null'))) as fc.Arbitrary<Field>;

/** Fluent Bit's own line in most of its forms, then changed in a few places or in none. */
const jsonLine = fc
  .record({
    usual: fc.subarray([
      ['stream', '"stderr"'],
      ['logtag', '"P"'],
      ['log', '"a \\"b\\u00e9"'],
      ['_p', '"P"'],
      ['kubernetes', '{"a":{"b":"}\\\\","c":[1,"{"]}}'],
    ] as Field[]),
    time: fc.oneof({ weight: 3, arbitrary: fc.constant('"2026-11-20T10:00:00.123456789Z"') }, FIELDS['time']!),
    shuffle: fc.boolean(),
    added: fc.array(fc.tuple(fc.nat(), field), { maxLength: 3 }),
    blank: fc.constantFrom('', '', '', '', ' ', '\t'),
    spellName: fc.constantFrom(JSON.stringify, JSON.stringify, JSON.stringify, escapeAll),
  })
  .map(({ usual, time: first, shuffle, added, blank, spellName }) => {
    const fields: Field[] = [['time', first], ...(shuffle ? usual.toReversed() : usual)];
    for (const [at, one] of added) fields.splice(at % (fields.length + 1), at % 2, one);
    const texts = fields.map(([name, value]) => `${spellName(name)}${blank}:${blank}${value}`);
    return { text: `{${blank}${texts.join(`,${blank}`)}}${blank}`, fields };
  });
const plainLine = fc
  .oneof(message, fc.constantFrom('[1]', '"text"', '12', 'null', '{"time":"2026-11-20T10:00:00Z","log":"cut'))
  .map((text) => ({ text: text.replaceAll('\n', '').toWellFormed(), fields: undefined }));
const line = fc.oneof({ weight: 6, arbitrary: jsonLine }, plainLine);

describe('raw lines', () => {
  test('any spelling of any fields says what JSON.parse says', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), fc.constantFrom('', '\n', '\n\n'), (lines, end) => {
        const block = Buffer.from(lines.map(({ text }) => text).join('\n') + end);
        const expected = lines.filter(({ text }) => text !== '').map(({ text, fields }) => oracle(text, fields));
        expect(decode(block)).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  test('bad UTF-8 becomes U+FFFD, and touches no other line', () => {
    const bad = Buffer.from([0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf8]);
    const good = '{"time":"2026-11-20T10:00:00Z","stream":"stdout","logtag":"F","log":"grüß"}';
    const halves = [good.slice(0, -2), good.slice(-2)].map((half) => Buffer.from(half));
    const block = Buffer.concat(
      [good, '\n', halves[0]!, bad, halves[1]!, '\n', bad, '\n', good].map((part) => Buffer.from(part)),
    );
    expect(decode(block).map((record) => record.message)).toEqual([
      'grüß',
      `grüß${new TextDecoder().decode(bad)}`,
      new TextDecoder().decode(bad),
      'grüß',
    ]);
  });

  test('what is odd is counted', () => {
    const decoder = new LineDecoder('raw', isUtf8);
    const usual = '"time":"2026-11-20T10:00:00Z","stream":"stdout"';
    const lines = [
      `{${usual},"logtag":"F","log":"x"}`,
      `{${usual}}`,
      `{${usual},"log":1}`,
      '{"time":"2026-11-20T10:00:00Z","log":"no stream"}',
      '{"log":"no time"}',
      'no json',
      '[]',
    ];
    decoder.decodeBlock(Buffer.from(lines.join('\n')));
    expect(decoder.odd).toEqual({ notJson: 2, oddFields: 3 });
  });

  test('a value nested deeper than the stack is kept as text', () => {
    const log = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(decode(Buffer.from(`{"time":"2026-11-20T10:00:00Z","log":${log}}`))[0]?.message).toContain('[[[[');
  });
});

describe('quick and slow way', () => {
  /** A line of the usual form with some bytes changed, removed or doubled, where the two ways might part. */
  const damaged = fc
    .tuple(
      jsonLine.filter(({ fields }) => !fields.some(([name]) => name === 'kubernetes')),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '"', '\\', ',', '}', '{', ':', 'u', '\x01', '\xff', '""')), {
        maxLength: 3,
      }),
    )
    .map(([{ text }, changes]) =>
      changes.reduce<Uint8Array>((bytes, [at, piece]) => {
        const cut = at % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, cut), Buffer.from(piece, 'latin1'), bytes.subarray(cut + (at % 2))]);
      }, Buffer.from(text)),
    );

  test.each(['raw', 'merged'] as const)('agree on any damaged %s line', (format) => {
    fc.assert(
      fc.property(
        damaged.filter((bytes) => bytes.length > 0),
        (bytes) => {
          const slow = decodeOddLine(bytes, format, { notJson: 0, oddFields: 0 });
          expect(decode(bytes, format)).toEqual([view(slow)]);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('a line says the same whatever the maps of the lines before it', () => {
    const map = fc.constantFrom(
      '{"a":"b"}',
      '{"a":"b","c":{}}',
      '{"a":"b"',
      '{}',
      '{"a":"b"}}',
      '{"a":["}"]}',
      '{"a":"c"}',
      '{"a":"b\\"}',
    );
    const end = fc.constantFrom('', ',"log":"x"', '}', ',"kubernetes":{}');
    fc.assert(
      fc.property(fc.array(fc.tuple(map, end), { maxLength: 8 }), (maps) => {
        const lines = maps.map(
          ([one, rest]) => `{"time":"2026-11-20T10:00:00Z","stream":"stdout","kubernetes":${one}${rest}}`,
        );
        const alone = lines.flatMap((one) => decode(Buffer.from(one)));
        expect(decode(Buffer.from(lines.join('\n')))).toEqual(alone);
      }),
      { numRuns: 1000 },
    );
  });

  test('a usual line takes the quick way: its record points into the block', () => {
    const usual = [
      '{"time":"2026-11-20T10:00:00.5Z","stream":"stderr","logtag":"F","log":"a\\"b","kubernetes":{"a":{"b":"}\\""}}}',
      '{"time":"2026-11-20T10:00:00.5Z","_p":"P","log":"x","logtag":"P","stream":"stdout"}',
      '{"time":"2026-11-20T10:00:00.5Z","stream":"stdout","logtag":"F"}',
    ];
    const block = Buffer.from(usual.join('\n'));
    const records = new LineDecoder('raw', isUtf8).decodeBlock(block);
    expect(records.map((record) => record.bytes === block)).toEqual([true, true, true]);
  });
});
