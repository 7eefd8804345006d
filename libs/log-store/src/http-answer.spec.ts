import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HttpAnswer, MalformedAnswerError } from './http-answer.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';

/** What an answer is, pushed in pieces that end at the given positions; as from a buffer that is used for every piece. */
function answerOf(text: string, cuts: readonly number[] = []) {
  const body: Buffer[] = [];
  const answer = new HttpAnswer((bytes, from, to) => body.push(Buffer.from(bytes.subarray(from, to))));
  const buffer = Buffer.alloc(text.length);
  let from = 0;
  for (const to of [...cuts, text.length].toSorted((a, b) => a - b)) {
    buffer.fill('?');
    answer.push(buffer, buffer.write(text.slice(from, to), 'latin1'));
    from = to;
  }
  return { answer, body: () => Buffer.concat(body).toString('latin1') };
}

const chunked = (pieces: readonly string[], trailers = ''): string =>
  [...pieces.filter((piece) => piece !== ''), '']
    .map((piece) => `${piece.length.toString(16)};x=1\r\n${piece}${piece === '' ? trailers : ''}\r\n`)
    .join('');

test('gives head and body, however they are framed and wherever they are cut', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\r', '\n', '0', '\xff') });
  const framings = (pieces: readonly string[]): string[] => {
    const body = pieces.join('');
    return [
      `Content-Length: ${body.length.toString()}\r\n\r\n${body}`,
      `transfer-encoding:chunked\r\n\r\n${chunked(pieces, 'A: trailer\r\n')}`,
      `Connection: close\r\n\r\n${body}`,
    ];
  };
  fc.assert(
    fc.property(fc.array(text), fc.nat(2), fc.array(fc.nat(300)), fc.boolean(), (pieces, framing, cuts, early) => {
      const announced = early ? 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n' : '';
      const whole = `${announced}${HEAD}X-Twice: 1\r\nETag:  "e" \r\nx-twice: 2\r\n${framings(pieces)[framing] ?? ''}`;
      const { answer, body } = answerOf(
        whole,
        cuts.filter((cut) => cut < whole.length),
      );
      expect(answer.head).toMatchObject({ statusCode: 200, headers: { etag: '"e"', 'x-twice': '1, 2' } });
      expect(body()).toBe(pieces.join(''));
      const toTheEnd = framing === 2;
      expect([answer.isOver, answer.keepsConnection]).toEqual([!toTheEnd, !toTheEnd]);
      expect(answer.end()).toBe(true);
    }),
  );
});

test.each([
  ['HTTP/1.1 204 No Content\r\n\r\n', true],
  ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', true],
  [`${HEAD}Content-Length: 0\r\n\r\n`, true],
  [`${HEAD}Content-Length: 0\r\nConnection: Close\r\n\r\n`, false],
  ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false],
  ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n', true],
])('is over without a body, and tells whether the connection is kept: %j', (text, keepsConnection) => {
  const { answer } = answerOf(text);
  expect([answer.isOver, answer.keepsConnection]).toEqual([true, keepsConnection]);
});

test.each([HEAD, `${HEAD}Content-Length: 2\r\n\r\na`, `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`])(
  'is not whole when the connection ends too early: %j',
  (text) => {
    expect(answerOf(text).answer.end()).toBe(false);
  },
);

test.each([
  'SSH-2.0-OpenSSH\r\n\r\n',
  'HTTP/2 200\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  `${HEAD} folded: line\r\n\r\n`,
  `${HEAD}no header\r\n\r\n`,
  `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
  `${HEAD}Content-Length: -1\r\n\r\n`,
  `${HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
  `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  `${HEAD}Transfer-Encoding: chunked\r\n\r\nx\r\n`,
  `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n`,
  `${HEAD}Content-Length: 1\r\n\r\nab`,
  `${HEAD}X: ${'x'.repeat(70_000)}`,
])('refuses what is no answer, or may be understood in two ways: %#', (text) => {
  expect(() => answerOf(text)).toThrow(MalformedAnswerError);
});
