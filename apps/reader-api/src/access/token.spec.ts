import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { takeToken, type TakeTokenOptions } from './token.ts';

const request = (url: string, headers: Readonly<Record<string, string>> = {}): IncomingMessage =>
  ({ url, headers: { ...headers } }) as unknown as IncomingMessage;
const inProtocol = (token: string) =>
  `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;

test('it is taken, and nothing of it is left', () => {
  const header = request('/a?x=1', { authorization: 'bearer  abc ' });
  expect(takeToken(header, { by: 'fetch' })).toEqual({ token: 'abc', query: 'x=1' });
  expect(header.headers.authorization).toBeUndefined();

  const query = request('/a?x=%20&access_token=a%2Bb&y=2');
  expect(takeToken(query, { by: 'event-source' })).toEqual({ token: 'a+b', query: 'x=%20&y=2' });
  expect(query.url).toBe('/a?x=%20&y=2');

  const encoded = request('/a?%61ccess_token=abc');
  expect(takeToken(encoded, { by: 'event-source' })).toEqual({ token: 'abc', query: '' });
  expect(encoded.url).toBe('/a');

  const protocol = request('/a', { 'sec-websocket-protocol': `one, ${inProtocol('a.b-c')},two` });
  expect(takeToken(protocol, { by: 'web-socket' })).toEqual({ token: 'a.b-c', query: '' });
  expect(protocol.headers['sec-websocket-protocol']).toBe('one, two');
});

test('none', () => {
  expect(takeToken(request('/a?b=access_token'), { by: 'fetch' })).toEqual({
    token: undefined,
    query: 'b=access_token',
  });
  expect(takeToken(request('/a', { authorization: 'Basic YTpi' }), { by: 'fetch' }).token).toBeUndefined();
  expect(takeToken(request('/a', { authorization: 'Bearer' }), { by: 'fetch' }).token).toBeUndefined();
  const protocols = { 'sec-websocket-protocol': 'one, two' };
  expect(takeToken(request('/a', protocols), { by: 'web-socket' }).token).toBeUndefined();
});

test.each<[string, IncomingMessage, TakeTokenOptions['by']]>([
  ['in the query of an ordinary request', request('/a?access_token=SECRET'), 'fetch'],
  ['twice in the query', request('/a?access_token=SECRET&access_token=SECRET'), 'event-source'],
  ['empty', request('/a?access_token='), 'event-source'],
  ['not to be decoded', request('/a?access_token=SECRET%'), 'event-source'],
  ['with blanks', request('/a?access_token=SECRET+SECRET'), 'event-source'],
  ['at two places', request('/a?access_token=SECRET', { authorization: 'Bearer SECRET' }), 'event-source'],
  ['alone among the subprotocols', request('/a', { 'sec-websocket-protocol': inProtocol('SECRET') }), 'web-socket'],
  [
    'twice among them',
    request('/a', { 'sec-websocket-protocol': `${inProtocol('SECRET')}, ${inProtocol('SECRET')}, x` }),
    'web-socket',
  ],
  ['of odd bytes', request('/a', { 'sec-websocket-protocol': `${inProtocol('SECRET\n')}, x` }), 'web-socket'],
])('%s: refused, and no message quotes it', (_, sent, by) => {
  const refusal = (() => {
    try {
      takeToken(sent, { by });
      return undefined;
    } catch (error) {
      return error as { code: string; message: string };
    }
  })();
  expect(refusal?.code).toBe('invalid_parameter');
  expect(refusal?.message).not.toMatch(/SECRET|U0VDUkVU/);
  expect(`${sent.url} ${JSON.stringify(sent.headers)}`).not.toMatch(/SECRET|U0VDUkVU/);
});
