import { expect, test } from '@jest/globals';
import { isSameOrigin } from './guards.ts';

const HOST = 'ops.example:8080';

test.each([
  [{ 'sec-fetch-site': 'same-origin', origin: 'https://ops.example:8080' }, true],
  // A proxy changed Host: the browser knows.
  [{ 'sec-fetch-site': 'same-origin', origin: 'https://queues.example' }, true],
  [{ 'sec-fetch-site': 'same-site', origin: 'https://evil.example' }, false],
  [{ 'sec-fetch-site': 'cross-site' }, false],
  [{ 'sec-fetch-site': 'none' }, false],
  [{ 'sec-fetch-site': 'cross-site', origin: 'https://ops.example:8080' }, false],
  // Over plain HTTP browsers send Origin alone.
  [{ origin: 'http://ops.example:8080' }, true],
  [{ origin: 'http://ops.example' }, false],
  [{ origin: 'null' }, false],
  [{ origin: '' }, false],
  // No browser.
  [{}, true],
])('%j may change something: %s', (headers, expected) => {
  expect(isSameOrigin({ headers: { host: HOST, ...headers } })).toBe(expected);
});
