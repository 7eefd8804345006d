import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { canBeDelayed, type LatencyProxy, startLatencyProxy } from './latency-proxy.ts';

const MS = 100;

describe('a latency proxy', () => {
  let endpoint: string;
  let proxy: LatencyProxy;
  let sawAt = 0;
  const server = createServer((request, response) => {
    sawAt = performance.now();
    request.pipe(response);
  });

  beforeEach(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    proxy = await startLatencyProxy(endpoint, MS);
  });

  afterEach(async () => {
    await proxy.stop();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });

  it('passes a request on that much later, whole, and its answer too', async () => {
    const body = 'a line\n'.repeat(100_000);
    const sentAt = performance.now();
    const answer = await fetch(proxy.endpoint, { method: 'PUT', body });
    // Timers may be early by a fraction of a millisecond.
    expect(sawAt - sentAt).toBeGreaterThanOrEqual(MS - 1);
    expect(await answer.text()).toBe(body);
    expect(proxy.mostConnections()).toBe(1);
  });

  it('lets requests wait together', async () => {
    const answers = Array.from({ length: 5 }, (_, i) => fetch(proxy.endpoint, { method: 'PUT', body: i.toString() }));
    const texts = await Promise.all(answers.map(async (answer) => (await answer).text()));
    expect(texts).toEqual(['0', '1', '2', '3', '4']);
    expect(proxy.mostConnections()).toBe(5);
  });

  it('refuses what it could not look into', async () => {
    expect(canBeDelayed(endpoint)).toBe(true);
    await expect(startLatencyProxy('https://127.0.0.1:1', MS)).rejects.toThrow('only http');
  });
});
