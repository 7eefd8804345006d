import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { eventually, putRaw, startFaultProxy } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  errorOf,
  logPath,
  noStreamIsOpen,
  putMerged,
  type Reader,
  startReader,
  startSystemAndReader,
} from './harness.ts';
import { parseEvents, parseNdjson } from './three-states.ts';

let reader: Reader;
beforeAll(async () => {
  reader = await startSystemAndReader({ SSE_HEARTBEAT_INTERVAL: '150ms' });
  await putRaw(reader.system.store, { pod: 'job', index: 0, messages: ['one', 'two', 'three'] });
});
afterAll(() => reader.system.close());

/** As it is on the wire. */
async function raw(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const [response] = (await once(get(reader.url + path, { headers, agent: false }), 'response')) as [IncomingMessage];
  return response;
}
const bodyOf = async (response: IncomingMessage): Promise<Buffer> =>
  Buffer.concat((await response.toArray()) as Buffer[]);

describe('which format', () => {
  test.each([
    [undefined, 'text/plain; charset=utf-8'],
    ['*/*', 'text/plain; charset=utf-8'],
    ['text/*', 'text/plain; charset=utf-8'],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['application/*', 'application/x-ndjson'],
    ['text/event-stream', 'text/event-stream'],
    ['text/plain;q=0.5, application/x-ndjson;q=0.8', 'application/x-ndjson'],
    ['application/x-ndjson;q=0, */*', 'text/plain; charset=utf-8'],
    ['text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8', 'text/plain; charset=utf-8'],
    ['garbage', undefined],
    ['application/json', undefined],
    ['text/plain;q=0', undefined],
  ])('Accept: %s: %s', async (accept, type) => {
    const response = await raw(logPath('job'), accept === undefined ? {} : { accept });
    const body = (await bodyOf(response)).toString();
    const isRefused = type === undefined;
    expect([response.statusCode, body.includes('"not_acceptable"')]).toEqual([isRefused ? 406 : 200, isRefused]);
    expect(response.headers['content-type']).toBe(type ?? 'application/json; charset=utf-8');
  });

  test('the query counts more than the header', async () => {
    const response = await raw(logPath('job', { format: 'ndjson' }), { accept: 'text/html' });
    expect(response.headers['content-type']).toBe('application/x-ndjson');
    expect(parseNdjson((await bodyOf(response)).toString()).map(({ log }) => log)).toEqual(['one', 'two', 'three']);
  });
});

describe('HEAD', () => {
  test.each([{}, { format: 'ndjson' }, { format: 'sse' }, { download: '1' }, { limit: '1' }, { tail: '1' }])(
    '%o: the headers of GET, and nothing of the log is read',
    async (parameters) => {
      const path = logPath('job', { separator: '--', ...parameters });
      const before = await reader.metric('cordwood_s3_requests_total', { operation: 'GetObject' });
      const head = await reader.get(path, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
      // The metadata that there is not.
      expect((await reader.metric('cordwood_s3_requests_total', { operation: 'GetObject' })) - before).toBe(1);
      const of = await reader.get(path);
      await of.text();
      for (const name of ['content-type', 'x-container', 'x-namespace', 'x-separator', 'content-disposition', 'vary']) {
        expect([name, head.headers.get(name)]).toEqual([name, of.headers.get(name)]);
      }
    },
  );
});

describe('download', () => {
  test('as a file, and gzip where the client takes it', async () => {
    const plain = await raw(logPath('job', { download: '1' }));
    expect(plain.headers['content-disposition']).toBe('attachment; filename="job.log"');
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect((await bodyOf(plain)).toString()).toBe('one\ntwo\nthree\n');
    const zipped = await raw(logPath('job', { download: '1', format: 'ndjson' }), {
      'accept-encoding': 'br, gzip;q=0.5',
    });
    expect(zipped.headers['content-disposition']).toBe('attachment; filename="job.ndjson"');
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(parseNdjson(gunzipSync(await bodyOf(zipped)).toString()).map(({ log }) => log)).toEqual([
      'one',
      'two',
      'three',
    ]);
    const refused = await raw(logPath('job', { download: '1' }), { 'accept-encoding': 'gzip;q=0, *' });
    expect(refused.headers['content-encoding']).toBeUndefined();
    refused.resume();
    // A log that is read as it comes is not held back by compressing it.
    const read = await raw(logPath('job'), { 'accept-encoding': 'gzip' });
    expect(read.headers['content-encoding']).toBeUndefined();
    read.resume();
  });

  test('large, through gzip', async () => {
    const lines = Array.from({ length: 20_000 }, (_, line) => `${line} ${Math.sin(line)}`);
    await putMerged(reader.system, { pod: 'large', files: [lines] });
    const zipped = await raw(logPath('large', { download: '1' }), { 'accept-encoding': 'gzip' });
    expect(gunzipSync(await bodyOf(zipped)).toString()).toBe(`${lines.join('\n')}\n`);
  });

  test('a broken read is a broken transfer, with what there was', async () => {
    const lines = Array.from({ length: 3000 }, (_, line) => `${line} ${Math.cos(line)}`);
    const keys = await putMerged(reader.system, { pod: 'broken', files: [lines, ['the end']] });
    await reader.system.store.deleteMany([{ key: keys[1] ?? '' }]);
    const response = await raw(logPath('broken', { download: '1' }), { 'accept-encoding': 'gzip' });
    const chunks: Buffer[] = [];
    const all = async () => {
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    };
    await expect(all()).rejects.toMatchObject({ code: 'ECONNRESET' });
    // Nor does the file look whole.
    expect(() => gunzipSync(Buffer.concat(chunks))).toThrow('unexpected end of file');
    const text = gunzipSync(Buffer.concat(chunks), { finishFlush: 2 }).toString();
    expect(text).toBe(`${lines.join('\n')}\n`);
  });
});

describe('events', () => {
  test('in full', async () => {
    const body = await reader.text(logPath('job', { format: 'sse' }));
    expect(body.startsWith('retry: 3000\n\n')).toBe(true);
    const events = parseEvents(body);
    expect(events.map(({ event }) => event)).toEqual(['message', 'message', 'message', 'end']);
    expect(events[2]?.data).toMatchObject({ log: 'three', stream: 'stdout', namespace: 'jobs', container: 'job' });
    // Without Kubernetes nothing tells that the log is over.
    expect(events[3]?.data).toEqual({ reason: 'caught_up', next_cursor: events[2]?.id, has_more: false });
  });

  test('Last-Event-ID goes on after it, whatever the URL began with; at the end it is 204', async () => {
    const events = parseEvents(await reader.text(logPath('job', { format: 'sse' })));
    const after = async (id: string, parameters = {}) =>
      reader.get(logPath('job', { format: 'sse', ...parameters }), { headers: { 'Last-Event-ID': id } });
    for (const parameters of [{}, { tail: '1' }, { cursor: events[1]?.id ?? '' }, { since: '0s' }]) {
      const rest = parseEvents(await (await after(events[0]?.id ?? '', parameters)).text());
      expect(rest.flatMap(({ data }) => data['log'] ?? [])).toEqual(['two', 'three']);
    }
    const end = await after(events[2]?.id ?? '');
    expect([end.status, await end.text()]).toEqual([204, '']);
  });

  test('what a cursor may not be', async () => {
    const id = parseEvents(await reader.text(logPath('job', { format: 'sse' })))[0]?.id ?? '';
    for (const cursor of ['', 'x', `${id}x`, id.slice(1)]) {
      expect(await errorOf(await reader.get(logPath('job', { cursor })))).toMatchObject({
        status: 400,
        code: 'cursor_invalid',
      });
    }
    // Of another log, and of one that is there no more.
    await putRaw(reader.system.store, { pod: 'other', index: 0, messages: ['one'], namespace: 'elsewhere' });
    expect(await errorOf(await reader.get(logPath('other', { cursor: id })))).toMatchObject({
      status: 400,
      code: 'cursor_invalid',
    });
    await putRaw(reader.system.store, { pod: 'anew', index: 0, messages: ['one'] });
    expect(await errorOf(await reader.get(logPath('anew', { cursor: id })))).toMatchObject({
      status: 410,
      code: 'cursor_expired',
    });
  });

  test('a client that follows gets comments while nothing happens, what comes, and breaks off when the server stops', async () => {
    const own = await startReader(reader.system, { SSE_HEARTBEAT_INTERVAL: '100ms' });
    await putRaw(reader.system.store, { pod: 'grows', index: 0, messages: ['first'] });
    const response = await fetch(own.url + logPath('grows', { follow: 'true', format: 'sse' }));
    let text = '';
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
    })();
    const ended = reading.then(
      () => 'in order',
      (error: unknown) => (error as Error).message,
    );
    await eventually('two heartbeats', () => text.split('\n: \n').length > 2);
    await putRaw(reader.system.store, { pod: 'grows', index: 1, messages: ['second'] });
    await eventually('what came', () => text.includes('"second"'));
    own.app.kill('SIGTERM');
    expect(await ended).toBe('terminated');
    expect(await own.app.ended).toBe(0);
    const events = parseEvents(text);
    expect(events.flatMap(({ data }) => data['log'] ?? [])).toEqual(['first', 'second']);
    expect(events.at(-1)).toMatchObject({ event: 'error', data: { code: 'server_stopping' } });
    // Going on elsewhere.
    await putRaw(reader.system.store, { pod: 'grows', index: 2, messages: ['third'] });
    const id = events.findLast(({ id: each }) => each !== undefined)?.id ?? '';
    const rest = await reader.get(logPath('grows', { format: 'sse' }), { headers: { 'Last-Event-ID': id } });
    expect(parseEvents(await rest.text()).flatMap(({ data }) => data['log'] ?? [])).toEqual(['third']);
  });

  test('several containers that are followed together have no places to go on from', async () => {
    for (const container of ['a', 'b']) {
      await putRaw(reader.system.store, { pod: 'mixed', container, index: 0, messages: [`of ${container}`] });
    }
    const both = { container: '*', format: 'sse' };
    const response = await raw(logPath('mixed', { ...both, follow: 'true' }));
    let text = '';
    response.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await eventually('both', () => text.includes('of a') && text.includes('of b'));
    response.destroy();
    expect(text).not.toContain('id:');

    const [first] = parseEvents(await reader.text(logPath('mixed', both)));
    const headers = { 'Last-Event-ID': first?.id ?? '' };
    const after = (parameters: Record<string, string>) => reader.get(logPath('mixed', parameters), { headers });
    expect(await errorOf(await after({ ...both, follow: 'true' }))).toMatchObject({
      status: 400,
      code: 'conflicting_parameters',
    });
    expect(parseEvents(await (await after(both)).text()).flatMap(({ data }) => data['log'] ?? [])).toEqual(['of b']);
  });

  test('an error in the middle is an event, and then a broken transfer', async () => {
    const keys = await putMerged(reader.system, { pod: 'hurt', files: [['one', 'two'], ['gone']] });
    await reader.system.store.deleteMany([{ key: keys[1] ?? '' }]);
    const response = await reader.get(logPath('hurt', { format: 'sse' }));
    let text = '';
    const all = async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
    };
    await expect(all()).rejects.toThrow('terminated');
    expect(parseEvents(text).map(({ event }) => event)).toEqual(['message', 'message', 'error']);
    expect(parseEvents(text).at(-1)?.data).toMatchObject({ code: 'log_file_missing' });
  });
});

test('followed text begins at once, though there is nothing to say, and ends with its client', async () => {
  await putRaw(reader.system.store, { pod: 'quiet', index: 0, messages: ['one'] });
  const response = await raw(logPath('quiet', { follow: 'true', since: '0s' }));
  expect(response.statusCode).toBe(200);
  await eventually('the stream is open', async () => (await reader.metric('cordwood_http_open_streams')) === 1);
  response.destroy();
  await noStreamIsOpen(reader);
});

test('wrong regular expressions: what is wrong', async () => {
  for (const [regex, says] of [
    ['(', 'missing closing )'],
    ['a**', 'invalid nested repetition'],
    ['(?<=a)b', 'RE2'],
    ['a{1001}', 'repeat'],
    ['(?:a{100}){9}', 'too large'],
    ['x'.repeat(1001), '1 to 1000'],
    ['', '1 to 1000'],
  ] as const) {
    const error = await errorOf(await reader.get(logPath('job', { regex })));
    expect(error).toMatchObject({ status: 400, code: 'invalid_parameter', message: expect.stringContaining(says) });
    expect(error.message).toContain('regex');
  }
  // Catastrophic elsewhere.
  await putMerged(reader.system, { pod: 'evil', files: [[`${'a'.repeat(100_000)}!`]] });
  expect(await reader.text(logPath('evil', { regex: '^(a+)+$' }))).toBe('');
});

test('a page that would be too large ends earlier', async () => {
  const line = 'x'.repeat(100_000);
  await putMerged(reader.system, { pod: 'wide', files: [Array.from({ length: 150 }, () => line)] });
  let cursor: string | undefined;
  let count = 0;
  let pages = 0;
  do {
    const response = await reader.get(logPath('wide', { limit: '100000', ...(cursor !== undefined && { cursor }) }));
    const body = await response.text();
    expect(body.length).toBeLessThan(9 * 1024 * 1024);
    count += body.length / (line.length + 1);
    pages++;
    cursor = response.headers.get('x-has-more') === 'true' ? (response.headers.get('x-next-cursor') ?? '') : undefined;
  } while (cursor !== undefined);
  expect([count, pages]).toEqual([150, 2]);
});

test('tail costs as many requests on a large log as on a small one; since and until read what can hold something', async () => {
  const proxy = await startFaultProxy(reader.system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    const own = await startReader(reader.system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    const files = Array.from({ length: 60 }, (_, file) => Array.from({ length: 100 }, (__, line) => `${file} ${line}`));
    await putMerged(reader.system, { pod: 'many', files });
    const requests = async (parameters: Record<string, string>) => {
      const from = proxy.requests.length;
      const text = await own.text(logPath('many', parameters));
      const urls = proxy.requests.slice(from).filter(({ url }) => url.includes('/data/many/'));
      return { lines: text.split('\n').slice(0, -1), files: urls.length };
    };
    const tail = await requests({ tail: '10' });
    expect(tail.lines).toEqual(Array.from({ length: 10 }, (_, line) => `59 ${line + 90}`));
    expect(tail.files).toBeLessThanOrEqual(4);
    expect((await requests({ tail: '150' })).files).toBeLessThanOrEqual(6);
    // File n has the messages from n * 100 ms on.
    const time = (ms: number) => new Date(Date.UTC(2026, 10, 20, 10) + ms).toISOString();
    const since = await requests({ since: time(5_950) });
    expect([since.lines[0], since.lines.length]).toEqual(['59 50', 50]);
    expect(since.files).toBeLessThanOrEqual(3);
    const until = await requests({ until: time(120) });
    expect([until.lines.at(-1), until.lines.length]).toEqual(['1 20', 121]);
    expect(until.files).toBeLessThanOrEqual(5);
  } finally {
    await proxy.stop();
  }
});
