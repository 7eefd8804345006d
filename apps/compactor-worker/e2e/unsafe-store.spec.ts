import {
  type AppProcess,
  eventually,
  isClean,
  putRaw,
  startFaultProxy,
  startTestSystem,
  storedPod,
  type TestSystem,
} from '@cordwood/testkit';
import { afterEach, expect, test } from '@jest/globals';

let system: TestSystem;
afterEach(() => system.close());

async function readiness(app: AppProcess) {
  const answer = await fetch(`${app.opsUrl}/readyz`);
  const { checks } = (await answer.json()) as { checks: Record<string, { ok: boolean; details?: unknown }> };
  return { status: answer.status, s3: checks['s3'] };
}
const metrics = async (app: AppProcess) => (await fetch(`${app.opsUrl}/metrics`)).text();

test.each(['ignored', '501'] as const)(
  'a store by which conditions are %s: said loudly, and with two compactors nothing is lost or twice',
  async (conditions) => {
    system = await startTestSystem({ conditions });
    const workers = [
      await system.start('compactor-worker'),
      await system.start('compactor-worker'),
      await system.start('cleanup-worker'),
    ];
    const reader = await system.start('reader-api', { PORT: '0' });
    const { ports } = (await reader.line('ready')) as unknown as { ports: { http: number } };

    const conditionalPut = conditions === 'ignored' ? 'unreliable' : 'refused';
    for (const worker of workers) {
      const selfTest = { conditionalCreate: conditionalPut, conditionalReplace: conditionalPut };
      expect(await worker.line('store self-test')).toMatchObject({ level: 'info', ...selfTest });
      const errors = () => worker.lines.filter(({ level }) => level === 'error');
      await eventually('it is said', () => errors().length > 0);
      expect(errors()).toEqual([
        expect.objectContaining({ message: expect.stringContaining('DOES NOT HONOUR CONDITIONAL WRITES') }),
      ]);
      const { status, s3 } = await eventually('it is ready', async () => {
        const now = await readiness(worker);
        return now.status === 200 && now;
      });
      expect(status).toBe(200);
      const commits = expect.stringContaining('run one replica');
      expect(s3).toMatchObject({ ok: true, details: { ...selfTest, commits } });
      expect(await metrics(worker)).toMatch(/^cordwood_conditional_writes\{[^}]*\} 0$/m);
    }

    const expected: string[] = [];
    for (let index = 0; index < 12; index++) {
      const messages = [`${index} a`, `${index} b`];
      await putRaw(system.store, { pod: 'p', index, messages });
      expected.push(...messages);
      if (index % 4 === 3)
        await eventually('merged', async () => (await storedPod(system, 'p'))?.messages.length === expected.length);
    }
    await eventually('clean', () => isClean(system, 'p'));
    expect((await storedPod(system, 'p'))?.messages).toEqual(expected);
    const log = await fetch(`http://127.0.0.1:${ports.http}/api/v1/jobs/p/log`);
    expect(await log.text()).toBe(expected.map((message) => `${message}\n`).join(''));
    await eventually('the reader is ready', async () => (await readiness(reader)).status === 200);
  },
);

test('a worker that is killed under the lock holds the pod up until the lock runs out, and no longer', async () => {
  system = await startTestSystem({ conditions: 'ignored' });
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    const isCommit = ({ method, url }: { method: string; url: string }) =>
      method === 'PUT' && url.includes('/metadata/p.json');
    proxy.add({ match: isCommit, times: Infinity, fault: { before: () => new Promise(() => undefined) } });
    await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
    const killed = await system.start('compactor-worker', { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    await eventually('it commits', () => proxy.requests.some(isCommit));
    killed.kill('SIGKILL');
    await killed.ended;
    await system.start('compactor-worker');
    await system.start('cleanup-worker');
    await system.forgetJobLocks();
    await eventually('clean', () => isClean(system, 'p'));
    expect((await storedPod(system, 'p'))?.messages).toEqual(['one']);
  } finally {
    await proxy.stop();
  }
});
