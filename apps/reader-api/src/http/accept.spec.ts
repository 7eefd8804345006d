import { expect, test } from '@jest/globals';
import { acceptsEncoding, negotiate } from './accept.ts';

const OFFERED = ['text/plain', 'application/x-ndjson', 'text/event-stream'] as const;

test.each([
  [undefined, 'text/plain'],
  ['', 'text/plain'],
  ['*/*', 'text/plain'],
  ['TEXT/Plain; charset=utf-8', 'text/plain'],
  ['application/x-ndjson', 'application/x-ndjson'],
  ['text/plain;q=0.4, */*;q=0.5', 'application/x-ndjson'],
  ['text/plain;q=0.4, text/*;q=0.9, */*;q=0.5', 'text/event-stream'],
  ['text/event-stream, text/plain', 'text/plain'],
  ['text/plain;q=0, */*;q=0', undefined],
  ['text/plain;q=2', undefined],
  ['text/plain;q=x, application/x-ndjson;q=0.1', 'application/x-ndjson'],
  ['plain, /, text/', undefined],
  [', ,text/event-stream;q=0.001,', 'text/event-stream'],
])('Accept %j: %s', (accept, type) => {
  expect(negotiate(accept, OFFERED)).toBe(type);
});

test.each([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['GZIP;q=0.1', true],
  ['br, *', true],
  ['gzip;q=0, *', false],
  ['*;q=0', false],
  ['identity', false],
])('Accept-Encoding %j: gzip %s', (accept, taken) => {
  expect(acceptsEncoding(accept, 'gzip')).toBe(taken);
});
