import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  eventually,
  isClean,
  type ProxiedRequest,
  putRaw,
  startFaultProxy,
  startTestSystem,
  type TestSystem,
} from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ROOT } from './named-metrics.ts';

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

/** The policy of an app, as docs/runbook.md has it. */
async function policyOf(app: string): Promise<readonly Statement[]> {
  const text = await readFile(join(ROOT, 'docs/runbook.md'), 'utf8');
  const [, json = ''] = new RegExp(String.raw`\*\*${app}\*\*[^]*?\n\`\`\`json\n([^]*?)\`\`\``).exec(text) ?? [];
  return (JSON.parse(json) as { Statement: Statement[] }).Statement;
}

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

function allows(policy: readonly Statement[], action: string, resource: string): boolean {
  return policy.some(
    (each) =>
      list(each.Action).includes(action) &&
      list(each.Resource).some((pattern) =>
        pattern.endsWith('*') ? resource.startsWith(pattern.slice(0, -1)) : resource === pattern,
      ),
  );
}

/** The rights that S3 asks for; of a batch of deletions, whose keys are in its body, none in particular. */
function neededFor({ method, url, headers }: ProxiedRequest, prefix: string): [action: string, resource: string][] {
  const arn = (path: string) => `arn:aws:s3:::${path.replace(/^\//, '').replace(`/${prefix}`, '/').replace(/\/$/, '')}`;
  const [path = '', query = ''] = url.split('?');
  const target = arn(decodeURIComponent(path));
  if (method === 'POST') return [];
  if (query.includes('list-type')) return [['s3:ListBucket', target]];
  if (method === 'DELETE') return [['s3:DeleteObject', target]];
  if (method !== 'PUT') return [['s3:GetObject', target]];
  const source = headers['x-amz-copy-source'];
  const copied: [string, string][] =
    typeof source === 'string' ? [['s3:GetObject', arn(decodeURIComponent(source))]] : [];
  return [['s3:PutObject', target], ...copied];
}

let system: TestSystem;
const stops: (() => Promise<void>)[] = [];
const refused: string[] = [];
beforeAll(async () => void (system = await startTestSystem()));
afterAll(async () => {
  await system.close();
  for (const stop of stops) await stop();
});

/** Starts an app that may do what its policy says and no more. */
async function startWithin(app: string, env: Readonly<Record<string, string>> = {}) {
  const policy = await policyOf(app);
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '', {
    decide: (request) => {
      const lacking = neededFor(request, system.env['BUCKET_PREFIX'] ?? '').filter(
        ([action, resource]) => !allows(policy, action, resource),
      );
      refused.push(...lacking.map(([action, resource]) => `${app}: ${action} ${resource}`));
      return lacking.length === 0 ? undefined : { status: 403, code: 'AccessDenied' };
    },
  });
  stops.push(() => proxy.stop());
  return system.start(app, { AWS_ENDPOINT_URL_S3: proxy.endpoint, ...env });
}

test('with the policies of the runbook the apps merge, clean, read and delete, and are refused nothing', async () => {
  const damaged = await putRaw(system.store, { pod: 'p', index: 1, messages: ['lost'] });
  await system.store.put(damaged, Buffer.from([0x1f, 0x8b, 8, 0, 0]));
  await putRaw(system.store, { pod: 'p', index: 0, messages: ['one', 'two'] });
  const reader = await startWithin('reader-api', { PORT: '0', KUBERNETES: 'off' });
  const { ports } = (await reader.line('ready')) as unknown as { ports: { http: number } };
  const log = `http://127.0.0.1:${ports.http}/api/v1/jobs/p/log`;
  await startWithin('compactor-worker');
  await startWithin('cleanup-worker', { RETENTION: '3650d', SWEEP_INTERVAL: '1s' });
  await eventually('merged and cleaned', () => isClean(system, 'p'));
  expect(await system.keys('damaged/')).toHaveLength(1);
  expect(await (await fetch(log)).text()).toBe('one\ntwo\n');
  expect((await fetch(log, { method: 'DELETE' })).status).toBe(200);
  await eventually('deleted', async () => (await system.keys('data/')).length === 0);
  expect(refused).toEqual([]);

  const policy = await policyOf('cleanup-worker');
  expect(allows(policy, 's3:PutObject', 'arn:aws:s3:::logs/metadata/p.json')).toBe(true);
  expect(allows(policy, 's3:PutObject', 'arn:aws:s3:::logs/data/p')).toBe(false);
});
