import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ClientOptions, createClient } from './client.ts';
import type { LogRecord } from './records.ts';
import { type Answer, endOf, errorAnswer, lineOf, type SpecServer, startSpecServer, streamOf } from './spec-server.ts';

let server: SpecServer;
beforeAll(async () => void (server = await startSpecServer()));
afterAll(() => server.stop());

const client = (options: Partial<ClientOptions> = {}) =>
  createClient({ baseUrl: server.url, retry: { minDelay: 1, maxDelay: 2 }, ...options });

async function logsOf(records: AsyncIterable<LogRecord>): Promise<string[]> {
  const logs: string[] = [];
  for await (const { log } of records) logs.push(log);
  return logs;
}

const messages = Array.from({ length: 5 }, (_, index) => `message ${index}: é𝒳\n`);

test('messages, as they were sent', async () => {
  server.script(streamOf(messages));
  const [first] = await Array.fromAsync(
    client().log('a-job', { namespace: 'jobs', follow: true, container: undefined }),
  );
  expect(first).toEqual({
    time: '2026-11-20T10:00:00.000Z',
    stream: 'stdout',
    namespace: 'jobs',
    container: 'main',
    containerId: 'c0ffee',
    log: messages[0],
    cursor: 'at-0',
  });
  const [asked] = server.asked;
  expect(`${asked?.url.pathname}${asked?.url.search}`).toBe('/api/v1/jobs/a-job/log?namespace=jobs&follow=true');
  expect(asked?.accept).toBe('text/event-stream');
});

test('cut at any byte, each message comes exactly once', async () => {
  let length = 0;
  server.script((response, asked) => {
    response.on('finish', () => (length = Number(response.getHeader('content-length'))));
    return streamOf(messages)(response, asked);
  });
  await logsOf(client().log('job'));
  length ||= 1_000;
  for (let cutAfter = 0; cutAfter < length; cutAfter += 7) {
    // Cut again and again: every connection brings so many bytes, and where that is not a message, the next brings more.
    const answers = Array.from({ length: 4 }, (_, times) => streamOf(messages, { cutAfter: cutAfter + times * 150 }));
    server.script(...answers, streamOf(messages));
    expect([cutAfter, await logsOf(client().log('job'))]).toEqual([cutAfter, messages]);
  }
});

test('what ends without saying so goes on', async () => {
  server.script(streamOf(messages.slice(0, 2), { end: '' }), streamOf(messages));
  expect(await logsOf(client().log('job'))).toEqual(messages);
  expect(server.asked.map(({ url }) => url.search)).toEqual(['?follow=false', '?cursor=at-1&follow=false']);
});

test('going on, what counted from the end has done its work, and a duration means what it meant', async () => {
  server.script(streamOf(messages.slice(0, 2), { end: '' }), streamOf(messages));
  await logsOf(client().log('job', { tail: 5, since: '1h', until: '0s', stream: 'stdout' }));
  const [first, second] = server.asked.map(({ url }) => Object.fromEntries(url.searchParams));
  expect(first).toEqual({ tail: '5', since: '1h', until: '0s', stream: 'stdout', follow: 'false' });
  expect(second).toEqual({
    cursor: 'at-1',
    // With a cursor, the service does not apply it again.
    since: '1h',
    until: expect.stringMatching(/^\d{4}-.*Z$/),
    stream: 'stdout',
    follow: 'false',
  });
});

test('a duration means what it meant also when nothing had come before the break', async () => {
  server.script(streamOf([], { end: '' }), streamOf(messages));
  await logsOf(client().log('job', { since: '10s' }));
  const [first, second] = server.asked.map(({ url }) => url.searchParams.get('since') ?? '');
  expect(first).toBe('10s');
  expect(second).toMatch(/^\d{4}-.*Z$/);
});

test('what bears no place is not begun again', async () => {
  const event = `data: ${JSON.stringify(lineOf('x'))}\n\n`;
  server.script(streamOf([], { end: event }), streamOf([], { end: event }));
  await expect(logsOf(client().log('job', { container: '*', follow: true }))).rejects.toMatchObject({
    code: 'transfer_broken',
  });
  expect(server.asked).toHaveLength(1);
});

test('connections that last are no failures, however silent the job is', async () => {
  const silence: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': \n\n');
    setTimeout(() => response.socket?.destroy(), 500);
  };
  server.script(silence, silence, silence, silence, streamOf(messages));
  expect(await logsOf(client({ retry: { attempts: 2, minDelay: 1, maxDelay: 20 } }).log('job'))).toEqual(messages);
});

test('limit: so many in all, also of a log that goes on', async () => {
  server.script(streamOf(messages, { cutAfter: 400 }), streamOf(messages));
  expect(await logsOf(client().log('job', { limit: 4, follow: true }))).toEqual(messages.slice(0, 4));
  expect(server.asked.every(({ url }) => !url.searchParams.has('limit'))).toBe(true);
});

test('a server that is away is waited for', async () => {
  server.script(streamOf(messages));
  await server.stop();
  const reading = logsOf(client({ retry: { minDelay: 5, maxDelay: 5, attempts: Infinity } }).log('job'));
  await server.start();
  expect(await reading).toEqual(messages);
});

test.each([
  ['429 with Retry-After', errorAnswer(429, 'too_many_streams', { 'retry-after': '0' })],
  ['503', errorAnswer(503, 'storage_unavailable')],
  ['502 of a proxy', ((response) => void response.writeHead(502).end('Bad Gateway')) satisfies Answer],
  ['408', errorAnswer(408, 'client_idle')],
  ['an event', streamOf([], { end: `event: error\ndata: {"code":"storage_unavailable","message":"x"}\n\n` })],
  ['an end that is not the log’s', streamOf([], { end: endOf('server_stopping') })],
])('%s: another try', async (_name, answer) => {
  server.script(answer, answer, streamOf(messages));
  expect(await logsOf(client().log('job'))).toEqual(messages);
});

test.each([
  [errorAnswer(404, 'job_not_found'), 'job_not_found', 404],
  [errorAnswer(502, 'storage_access_denied'), 'storage_access_denied', 502],
  [errorAnswer(401, 'unauthenticated'), 'unauthenticated', 401],
  [((response) => void response.writeHead(404).end('<html>')) satisfies Answer, 'unexpected_answer', 404],
  [
    ((response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')) satisfies Answer,
    'unexpected_answer',
    200,
  ],
  [streamOf([], { end: 'data: no JSON\n\n' }), 'unexpected_answer', undefined],
  [streamOf([], { end: `event: error\ndata: {"code":"log_damaged","message":"x"}\n\n` }), 'log_damaged', 500],
])('what does not mend is thrown at once: %#', async (answer, code, status) => {
  server.script(answer);
  await expect(logsOf(client().log('job'))).rejects.toMatchObject({ name: 'CordwoodError', code, status });
  expect(server.asked).toHaveLength(1);
});

test('after so many failures with nothing new between them, the last is thrown', async () => {
  server.script(streamOf(messages.slice(0, 1), { end: '' }));
  const got: string[] = [];
  const reading = (async () => {
    for await (const { log } of client({ retry: { attempts: 3, minDelay: 1, maxDelay: 1 } }).log('job')) got.push(log);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'transfer_broken' });
  expect([got, server.asked.length]).toEqual([messages.slice(0, 1), 3]);
});

test('silence is a broken transfer, and signs of life are not', async () => {
  // Far apart: a machine that stalls must not pass for silence.
  const [BEAT, PATIENCE] = [2_000, 7_000];
  const beats: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let beat = 0;
    const timer = setInterval(() => {
      if (++beat < 5) response.write(': still here\n\n');
      else clearInterval(timer);
    }, BEAT);
    response.on('close', () => clearInterval(timer));
  };
  server.script(beats, streamOf(messages));
  const begun = performance.now();
  expect(await logsOf(client({ idleTimeout: PATIENCE }).log('job'))).toEqual(messages);
  // As long as there were signs of life it stayed, and left when there were none.
  expect(performance.now() - begun).toBeGreaterThan(4 * BEAT + PATIENCE - 50);
});

describe('who stops', () => {
  /** Sends messages for as long as somebody takes them; tells when the connection is gone. */
  const endless = () => {
    const closed = Promise.withResolvers<number>();
    let sent = 0;
    const answer: Answer = async (response) => {
      response.once('close', () => closed.resolve(sent));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      while (!response.destroyed) {
        const event = `id: at-${sent}\ndata: ${JSON.stringify(lineOf('x'.repeat(50_000)))}\n\n`;
        sent += event.length;
        await new Promise((resolve) => response.write(event, resolve));
      }
    };
    return { answer, closed: closed.promise, sent: () => sent };
  };

  test('leaving the loop ends the transfer', async () => {
    const { answer, closed } = endless();
    server.script(answer);
    for await (const record of client().log('job')) if (record.log !== '') break;
    await closed;
    expect(server.asked).toHaveLength(1);
  });

  test('aborting ends it with the reason, wherever it waits', async () => {
    const { answer, closed } = endless();
    server.script(answer);
    const leaving = new AbortController();
    const reading = (async () => {
      for await (const record of client().log('job', {}, { signal: leaving.signal })) {
        if (record.log !== '') leaving.abort(new Error('enough'));
      }
    })();
    await expect(reading).rejects.toThrow('enough');
    await closed;

    server.script(errorAnswer(503, 'storage_unavailable', { 'retry-after': '3600' }));
    const waiting = logsOf(client().log('job', {}, { signal: AbortSignal.timeout(50) }));
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(logsOf(client().log('job', {}, { signal: AbortSignal.abort('gone') }))).rejects.toBe('gone');
  });

  test('whoever takes nothing is sent no more than buffers hold', async () => {
    const { answer, sent } = endless();
    const other = endless();
    server.script(answer, other.answer);
    const records = client().log('job');
    await records.next();
    // By the time somebody else was sent twice as much, as much could have been sent here.
    for await (const record of client().log('job')) if (record.log !== '' && other.sent() > 64 * 1024 ** 2) break;
    expect(sent()).toBeLessThan(32 * 1024 ** 2);
    await records.return();
  });
});

test('what happens to the log is told beside it, and where its live part begins only once', async () => {
  const gap = { container: 'main', container_id: 'c0ffee', before: '2026-11-20T10:00:00Z' };
  const notices = `event: live\ndata: {}\n\nevent: gap\ndata: ${JSON.stringify(gap)}\n\nevent: future\ndata: ?\n\n`;
  server.script(
    streamOf(messages.slice(0, 1), { end: notices }),
    streamOf(messages.slice(0, 1), { end: `event: live\ndata: {}\n\n` }),
    streamOf(messages),
  );
  const events = await Array.fromAsync(client().logEvents('job', { follow: true }));
  expect(events.map((event) => (event.type === 'record' ? event.record.log : event))).toEqual([
    messages[0],
    { type: 'live' },
    { type: 'gap', gap },
    ...messages.slice(1),
  ]);
});

test('as text', async () => {
  server.script(streamOf(['one\n', 'two', '']));
  expect((await Array.fromAsync(client().logText('job'))).join('')).toBe('one\ntwo\n\n');
  expect((await Array.fromAsync(client().logText('job', { timestamps: true })))[0]).toBe(
    '2026-11-20T10:00:00.000Z one\n',
  );
});
