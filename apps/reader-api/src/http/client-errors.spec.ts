import { once } from 'node:events';
import { createServer, type ServerOptions } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { ERRORS } from '../errors/catalogue.ts';
import { answerClientErrors } from './client-errors.ts';

/** What is answered to these bytes. */
async function answerTo(sent: string, options: ServerOptions = {}) {
  const server = createServer(options, () => undefined).listen(0, '127.0.0.1');
  answerClientErrors(server);
  await once(server, 'listening');
  try {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
    socket.write(sent);
    const answer = await text(socket);
    const [, status = '', body = ''] = /^HTTP\/1\.1 (\d+) [^]*?\r\n\r\n([^]*)$/.exec(answer) ?? [];
    return { status: Number(status), ...(JSON.parse(body) as { readonly error: { readonly code: string } }).error };
  } finally {
    server.close();
  }
}

const HEAD = 'GET / HTTP/1.1\r\nHost: x\r\n';

test.each<[string, string, ServerOptions, keyof typeof ERRORS]>([
  ['no HTTP', 'NONSENSE\r\n\r\n', {}, 'malformed_request'],
  [
    'headers beyond the limit',
    `${HEAD}X-Large: ${'x'.repeat(5_000)}\r\n\r\n`,
    { maxHeaderSize: 4_096 },
    'headers_too_large',
  ],
  [
    'a chunk with too much beside it',
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`,
    {},
    'malformed_request',
  ],
  [
    'headers that never end',
    HEAD,
    { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 },
    'request_timeout',
  ],
])('%s: the status is that of the code', async (_what, sent, options, code) => {
  expect(await answerTo(sent, options)).toEqual({
    status: ERRORS[code].status,
    code,
    message: expect.stringMatching(/^the request/),
  });
});
