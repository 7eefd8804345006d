import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { createHealth } from './health.ts';
import { createMetrics } from './metrics.ts';
import { startOpsServer, startServer } from './ops-server.ts';

test('probes and metrics', async () => {
  const health = createHealth({ cacheMs: 0 });
  const metrics = createMetrics({ app: 'test', version: '1', defaults: false });
  const server = await startOpsServer({ port: 0, host: '127.0.0.1', health, metrics });
  try {
    const url = `http://127.0.0.1:${server.port}`;
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    health.addReadiness('store', () => Promise.reject(new Error('away')));
    const notReady = await fetch(`${url}/readyz`);
    expect(notReady.status).toBe(503);
    expect(await notReady.json()).toMatchObject({ status: 'unavailable', checks: { store: { error: 'away' } } });
    const scrape = await fetch(`${url}/metrics`);
    expect(scrape.headers.get('content-type')).toContain('text/plain');
    expect(await scrape.text()).toContain('cordwood_build_info');
    expect((await fetch(`${url}/other`)).status).toBe(404);
  } finally {
    await server.close();
  }
});

test('a port that is taken is an error', async () => {
  const server = await startServer(() => undefined, { port: 0, host: '127.0.0.1' });
  try {
    await expect(startServer(() => undefined, { port: server.port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  } finally {
    await server.close();
  }
});

test('closing waits for a request under way, and cuts it off at the deadline', async () => {
  const asked = Promise.withResolvers<() => void>();
  const server = await startServer((_request, response) => asked.resolve(() => response.end('done')), {
    port: 0,
    host: '127.0.0.1',
  });
  const answer = fetch(`http://127.0.0.1:${server.port}/`);
  const finish = await asked.promise;
  const closed = server.close(60_000);
  expect(server.close()).toBe(closed);
  finish();
  expect(await (await answer).text()).toBe('done');
  await closed;

  const stuck = await startServer(() => undefined, { port: 0, host: '127.0.0.1' });
  const socket = connect(stuck.port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(stuck.server, 'request');
  await stuck.close(10);
  socket.destroy();
});
