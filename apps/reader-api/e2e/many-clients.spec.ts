import { get, type ClientRequest } from 'node:http';
import { eventually, startFaultProxy, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { logPath, putMerged, startReader } from './harness.ts';

const CLIENTS = 200;

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

test('many reads that stand still, each with a connection to S3, do not keep others from reading', async () => {
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  const clients: ClientRequest[] = [];
  try {
    const reader = await startReader(system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    const [still = ''] = await putMerged(system, { pod: 'still', files: [['one', 'two']] });
    await putMerged(system, { pod: 'small', files: [['one']] });
    proxy.add({ match: ({ url }) => url.includes(still), fault: { stallAfter: 5 }, times: Infinity });
    for (let client = 0; client < CLIENTS; client++) {
      clients.push(get(reader.url + logPath('still'), { agent: false }).on('error', () => undefined));
    }
    await eventually(
      'every read has its connection',
      () => proxy.requests.filter(({ url }) => url.includes(still)).length >= CLIENTS,
    );
    for (let read = 0; read < 5; read++) expect(await reader.text(logPath('small'))).toBe('one\n');
  } finally {
    for (const client of clients) client.destroy();
    await proxy.stop();
  }
});
