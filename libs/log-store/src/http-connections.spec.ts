import { once } from 'node:events';
import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { selfSignedCertificate } from '@cordwood/testkit';
import { afterEach, expect, test } from '@jest/globals';
import type { HttpRequest } from '@smithy/types';
import { ENDED } from './body-connection.ts';
import { HttpConnections, type HttpConnectionsOptions } from './http-connections.ts';

const MIB = 1024 * 1024;
const CONTENT = Buffer.alloc(5 * MIB, 'what is in it, ');
const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  cleanUps.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** An HTTP server, and how many connections were opened to it. */
async function serve(listener: RequestListener, options: ServerOptions = {}) {
  let opened = 0;
  const server = createServer(options, listener).on('connection', () => opened++);
  return { port: await listening(server), opened: () => opened };
}

const whole: RequestListener = (_, response) => void response.end(CONTENT);

function open(more: Partial<HttpConnectionsOptions> = {}): HttpConnections {
  const connections = new HttpConnections({ maxSockets: 8, connectTimeout: 60_000, idleTimeout: 60_000, ...more });
  cleanUps.push(() => connections.close());
  return connections;
}

const requestTo = (port: number, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  protocol: 'http:',
  hostname: '127.0.0.1',
  port,
  path: '/logs/a%20file',
  query: {},
  headers: { host: 'store', range: 'bytes=0-' },
  ...more,
});

async function read(connections: HttpConnections, request: HttpRequest, signal?: AbortSignal): Promise<Buffer> {
  const { body } = await connections.send(request, signal);
  const bytes = Buffer.alloc(CONTENT.length);
  const { end } = await body.fill(bytes, 0);
  return bytes.subarray(0, end);
}

test('sends the request, and gives the answer whole', async () => {
  const { port } = await serve(({ method, url, headers }, response) => {
    response.writeHead(206, { ETag: '"e"' }).end(JSON.stringify({ method, url, headers }));
  });
  const { statusCode, headers, body } = await open().send(requestTo(port), undefined);
  expect([statusCode, headers['etag']]).toEqual([206, '"e"']);
  const chunk = await body.next();
  expect(JSON.parse(Buffer.from(chunk ?? []).toString())).toEqual({
    method: 'GET',
    url: '/logs/a%20file',
    headers: { host: 'store', range: 'bytes=0-' },
  });
  expect(await body.next()).toBeUndefined();
});

const put = (port: number, more: Partial<HttpRequest> = {}): HttpRequest =>
  requestTo(port, {
    method: 'PUT',
    body: CONTENT,
    headers: { host: 'store', 'content-length': `${CONTENT.length}` },
    ...more,
  });

/** Answers with what it got. */
const echo: RequestListener = (request, response) => void request.pipe(response);

test('sends a body and a query, one request after the other over one connection', async () => {
  const urls: (string | undefined)[] = [];
  const { port, opened } = await serve((request, response) => {
    urls.push(request.url);
    echo(request, response);
  });
  const connections = open();
  const query = { prefix: "a b/+&=ä'", empty: '' };
  for (let i = 0; i < 3; i++) expect((await read(connections, put(port, { query }))).equals(CONTENT)).toBe(true);
  expect(opened()).toBe(1);
  expect(urls[0]).toBe('/logs/a%20file?prefix=a%20b%2F%2B%26%3D%C3%A4%27&empty=');
});

test('a connection over which an answer came too early is not used again', async () => {
  const { port, opened } = await serve((_, response) => void response.writeHead(403).end('no'));
  const connections = open();
  for (let i = 0; i < 3; i++) {
    const { statusCode, body } = await connections.send(put(port), undefined);
    expect(statusCode).toBe(403);
    expect(await body.fill(Buffer.alloc(2), 0)).toMatchObject({ end: 2, broken: ENDED });
  }
  expect(opened()).toBe(3);
});

test('one connection serves one request after the other; as many as are open at once serve those at once', async () => {
  const { port, opened } = await serve(whole);
  const connections = open();
  for (let i = 0; i < 3; i++) expect((await read(connections, requestTo(port))).equals(CONTENT)).toBe(true);
  expect(opened()).toBe(1);
  const all = await Promise.all(Array.from({ length: 4 }, () => read(connections, requestTo(port))));
  expect(all.every((each) => each.equals(CONTENT))).toBe(true);
  expect(opened()).toBe(4);
});

test('a body is given in chunks as they are asked for, and they stay as they are', async () => {
  const { port } = await serve(whole);
  const { body } = await open().send(requestTo(port), undefined);
  const chunks: Uint8Array[] = [];
  for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) chunks.push(chunk);
  expect(chunks.length).toBeGreaterThan(1);
  expect(Buffer.concat(chunks).equals(CONTENT)).toBe(true);
});

test('bodies that are read at the same time, in either way, do not mix', async () => {
  // Small ones, which come with the head and wait to be read.
  const { port } = await serve(({ url }, response) => void response.end(`${url ?? ''} `.repeat(9000)));
  const connections = open();
  const readOne = async (index: number): Promise<void> => {
    const { body } = await connections.send(requestTo(port, { path: `/${index.toString()}` }), undefined);
    const expected = `/${index.toString()} `.repeat(9000);
    const target = Buffer.alloc(expected.length);
    if (index % 2 === 0) await body.fill(target, 0);
    else {
      const chunks: Uint8Array[] = [];
      for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) chunks.push(chunk);
      // Others come and go before what was given is looked at.
      await readOne(index + 1001);
      Buffer.concat(chunks).copy(target);
    }
    expect(target.toString() === expected).toBe(true);
  };
  for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 20 }, (_, index) => readOne(index)));
});

test('a body that nobody reads is held up', async () => {
  let written = 0;
  const endless: RequestListener = (_, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(MIB))) written++;
      response.once('drain', more);
    };
    more();
  };
  const { port } = await serve(endless);
  const connections = open();
  const { body } = await connections.send(requestTo(port), undefined);
  // What is under way meanwhile is as much as the buffers of two sockets hold; another answer comes through nevertheless.
  const other = await serve(whole);
  for (let i = 0; i < 20; i++) await read(connections, requestTo(other.port));
  expect(written).toBeLessThan(50);
  body.close();
});

test('requests wait for a connection when there are as many as there may be', async () => {
  const { port, opened } = await serve((_, response) => void setImmediate(() => response.end('x')));
  const connections = open({ maxSockets: 2 });
  await Promise.all(Array.from({ length: 20 }, () => read(connections, requestTo(port))));
  expect(opened()).toBe(2);
});

test('a request that waits too long for a connection is given up, and so is one that gets none', async () => {
  const { port } = await serve(() => undefined);
  const connections = open({ maxSockets: 1, connectTimeout: 50 });
  const first = connections.send(requestTo(port), undefined);
  first.catch(() => undefined);
  await expect(connections.send(requestTo(port), undefined)).rejects.toMatchObject({ name: 'TimeoutError' });
  // Accepts, and does not say a word of TLS.
  const silent = await listening(createTcpServer());
  const request = requestTo(silent, { protocol: 'https:' });
  await expect(open({ connectTimeout: 50 }).send(request, undefined)).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('an abort ends the wait for a connection, and the request; no other one', async () => {
  const { port } = await serve((_, response) => void response.write('x'));
  const other = await serve(whole);
  const connections = open({ maxSockets: 2 });
  const abort = new AbortController();
  // Opens a connection that others will use.
  await read(connections, requestTo(other.port), abort.signal);
  const { body } = await connections.send(requestTo(port), abort.signal);
  const reading = read(connections, requestTo(other.port));
  const waiting = connections.send(requestTo(port), abort.signal);
  abort.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  const { broken } = await body.fill(Buffer.alloc(10), 0);
  expect(String(broken)).toMatch(/abort/);
  expect((await reading).equals(CONTENT)).toBe(true);
});

test('a connection whose body was given up is not used again, and makes room', async () => {
  const { port, opened } = await serve(whole);
  const connections = open({ maxSockets: 1 });
  const { body } = await connections.send(requestTo(port), undefined);
  body.close();
  expect((await read(connections, requestTo(port))).equals(CONTENT)).toBe(true);
  expect(opened()).toBe(2);
});

test('connections that the server will close are not used again', async () => {
  const hasty = await serve(whole, { keepAliveTimeout: 1 });
  const closing = await serve((_, response) => void response.setHeader('Connection', 'close').end(CONTENT));
  for (const { port, opened } of [hasty, closing]) {
    const connections = open();
    for (let i = 0; i < 3; i++) expect((await read(connections, requestTo(port))).equals(CONTENT)).toBe(true);
    expect(opened()).toBe(3);
  }
});

test('an answer that ends too early, or is none, or does not come, is an error', async () => {
  const cut = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('x', () => response.destroy());
  });
  const { body } = await open().send(requestTo(cut.port), undefined);
  expect(await body.fill(Buffer.alloc(10), 0)).toMatchObject({ end: 1, broken: { code: 'ECONNRESET' } });

  const rude = await listening(createTcpServer((socket) => socket.write('SSH-2.0\r\n\r\n')));
  await expect(open().send(requestTo(rude), undefined)).rejects.toThrow('no status line');

  const silent = await serve(() => undefined);
  const impatient = open({ idleTimeout: 20 });
  await expect(impatient.send(requestTo(silent.port), undefined)).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('nothing is sent that would begin another line', async () => {
  const { port, opened } = await serve(whole);
  const request = requestTo(port, { headers: { host: 'store', range: 'x\r\nx-other: y' } });
  await expect(open().send(request, undefined)).rejects.toThrow(TypeError);
  expect(opened()).toBe(0);
});

test('TLS, as long as the certificate is trusted', async () => {
  const { key, cert } = await selfSignedCertificate();
  let opened = 0;
  const server = createTlsServer({ key, cert }, echo).on('secureConnection', () => opened++);
  const request = put(await listening(server), { protocol: 'https:' });
  await expect(read(open(), request)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const trusted = getCACertificates();
  setDefaultCACertificates([...trusted, cert.toString()]);
  cleanUps.push(() => setDefaultCACertificates(trusted));
  opened = 0;
  const connections = open();
  for (let i = 0; i < 3; i++) expect((await read(connections, request)).equals(CONTENT)).toBe(true);
  expect(opened).toBe(1);
});
