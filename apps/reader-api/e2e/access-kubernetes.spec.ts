import {
  eventually,
  putRaw,
  type KubeApiDouble,
  startKubeApi,
  startTestSystem,
  type TestSystem,
} from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, logPath, putMerged, type Reader, startReader } from './harness.ts';

/** AUTH_MODE=kubernetes: who may read which logs, and what those who may not learn. */

let system: TestSystem;
let kube: KubeApiDouble;
let reader: Reader;

const READ = { verb: 'get', resource: 'pods', subresource: 'log' };
const DELETE = { ...READ, verb: 'delete' };
/** Tokens are long, so that none is found by chance. */
const token = (user: string): string => `token-of-${user}-0123456789abcdef`;

beforeAll(async () => {
  kube = await startKubeApi();
  for (const username of ['admin', 'team-a', 'team-ac', 'one-job', 'nobody', 'deleter-a']) {
    kube.users.set(token(username), { username, groups: ['system:authenticated'] });
  }
  kube.rules.push(
    { user: 'admin', ...READ },
    { user: 'team-a', ...READ, namespace: 'a' },
    { user: 'team-ac', ...READ, namespace: 'a' },
    { user: 'team-ac', ...READ, namespace: 'c' },
    { user: 'one-job', ...READ, namespace: 'b', name: 'b-some' },
    { user: 'deleter-a', ...DELETE, namespace: 'a' },
    // Not the right to logs.
    { user: 'nobody', verb: 'get', resource: 'pods', subresource: '' },
  );
  system = await startTestSystem();
  reader = await startReader(system, {
    AUTH_MODE: 'kubernetes',
    HOST: '127.0.0.1',
    KUBERNETES: 'kubeconfig',
    KUBECONFIG: await kube.kubeconfig(),
    LOG_LEVEL: 'debug',
  });
  await putMerged(system, { pod: 'a-only', namespace: 'a', files: [['of a']] });
  await putMerged(system, { pod: 'b-only', namespace: 'b', files: [['of b']] });
  await putMerged(system, { pod: 'b-some', namespace: 'b', files: [['some of b']] });
  await putMerged(system, { pod: 'both', namespace: 'a', files: [['both, of a']] });
  await putRaw(system.store, { pod: 'both', namespace: 'b', index: 1, messages: ['both, of b'] });
  for (const namespace of ['a', 'b', 'c']) {
    await putRaw(system.store, { pod: 'triple', namespace, index: 1, messages: [`triple, of ${namespace}`] });
    const stray = `kube.var.log.containers.triple_${namespace}_triple-0123/not-a-log.txt`;
    await system.store.put(stray, Buffer.from('x'));
  }
});
afterAll(async () => {
  await system.close();
  await kube.stop();
});

const as = (user: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token(user)}` },
});
const textFor = async (user: string, path: string) => (await reader.get(path, as(user))).text();

describe('who asks', () => {
  test.each(['/ping', '/healthz', '/readyz', '/metrics', '/openapi.json', '/docs/'])(
    '%s: nobody has to say',
    async (path) => {
      // Readiness is a matter of time on a busy machine.
      expect(await eventually('200', async () => (await reader.get(path)).status === 200)).toBe(true);
    },
  );

  test.each(['/api/v1/jobs', '/api/v1/jobs/a-only', logPath('a-only'), logPath('none'), '/kube/api/v1/pods'])(
    '%s: without a token, or with one that nobody has',
    async (path) => {
      const none = await reader.get(path);
      expect(none.status).toBe(401);
      expect(none.headers.get('www-authenticate')).toBe('Bearer realm="cordwood"');
      const wrong = await reader.get(path, { headers: { Authorization: 'Bearer nobodys-token' } });
      expect(wrong.status).toBe(401);
      expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
      const basic = await reader.get(path, { headers: { Authorization: 'Basic YTpi' } });
      expect(basic.status).toBe(401);
    },
  );

  test('errors of /kube are Status objects', async () => {
    const response = await reader.get('/kube/api/v1/namespaces/a/pods/a-only/log');
    expect(await response.json()).toMatchObject({ kind: 'Status', code: 401, reason: 'Unauthorized' });
  });

  test('a token is reviewed once in a while, and so is a right', async () => {
    kube.users.set(token('fresh'), { username: 'fresh' });
    kube.rules.push({ user: 'fresh', ...READ, namespace: 'a' });
    const count = () => [kube.count('tokenreview'), kube.count('accessreview')];
    const before = count();
    const paths = Array.from({ length: 10 }, () => logPath('a-only', { namespace: 'a' }));
    const statuses = await Promise.all(paths.map(async (path) => (await reader.get(path, as('fresh'))).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(count()).toEqual(before.map((n) => n + 1));
  });
});

describe('what they may read', () => {
  test('the log of a namespace that is theirs', async () => {
    expect(await textFor('team-a', logPath('a-only'))).toBe('of a\n');
    expect(await textFor('team-a', logPath('a-only', { namespace: 'a' }))).toBe('of a\n');
    expect(await textFor('one-job', logPath('b-some'))).toBe('some of b\n');
    expect(await textFor('one-job', logPath('b-some', { namespace: 'b' }))).toBe('some of b\n');
    expect(await textFor('admin', logPath('b-only'))).toBe('of b\n');
  });

  test('of a job in several namespaces, what is theirs is all there is', async () => {
    expect(await textFor('team-a', logPath('both'))).toBe('both, of a\n');
    const details = JSON.parse(await textFor('team-a', '/api/v1/jobs/triple')) as {
      namespaces: { name: string }[];
      stray: { key: string }[];
    };
    expect(details.namespaces.map(({ name }) => name)).toEqual(['a']);
    expect(details.stray.map(({ key }) => key)).toEqual([expect.stringContaining('triple_a_')]);
    const ambiguous = await errorOf(await reader.get(logPath('triple'), as('team-ac')));
    expect(ambiguous).toMatchObject({ status: 400, code: 'ambiguous_namespace' });
    expect(ambiguous.message).toMatch(/: a, c$/);
    expect((await errorOf(await reader.get(logPath('triple'), as('admin')))).message).toMatch(/: a, b, c$/);
  });

  test('that a job is not in their namespace says nothing of others', async () => {
    const [known, unknown] = await Promise.all(
      ['b-only', 'b-none'].map(async (job) =>
        errorOf(await reader.get(logPath(job, { namespace: 'a' }), as('team-a'))),
      ),
    );
    expect(known).toMatchObject({ status: 404, code: 'job_not_found' });
    expect(known?.message.replaceAll('b-only', 'b-none')).toBe(unknown?.message);
    const admin = await errorOf(await reader.get(logPath('b-only', { namespace: 'a' }), as('admin')));
    expect(admin).toMatchObject({ code: 'namespace_not_found', message: expect.stringContaining('these have it: b') });
  });

  test('whoever may read everything is told what there is not', async () => {
    expect(await errorOf(await reader.get(logPath('b-none'), as('admin')))).toMatchObject({ code: 'job_not_found' });
  });
});

test('who may read may not delete, and the other way round', async () => {
  await putMerged(system, { pod: 'a-gone', namespace: 'a', files: [['of a']] });
  for (const path of [logPath('a-gone'), logPath('a-gone', { namespace: 'a' })]) {
    expect((await reader.get(path, as('team-a', { method: 'DELETE' }))).status).toBe(403);
    expect((await reader.get(path, as('admin', { method: 'DELETE' }))).status).toBe(403);
    expect((await reader.get(path, as('deleter-a'))).status).toBe(403);
  }
  expect(await textFor('team-a', logPath('a-gone'))).toBe('of a\n');
  expect((await reader.get(logPath('a-gone'), as('deleter-a', { method: 'DELETE' }))).status).toBe(200);
  expect(await errorOf(await reader.get(logPath('a-gone'), as('team-a')))).toMatchObject({ code: 'log_deleted' });
  await system.store.deleteMany([{ key: 'metadata/a-gone.json' }]);
});

/** All that a client can see of an answer, with the job's name taken out. */
async function seen(path: (job: string) => string, job: string, init: RequestInit): Promise<unknown> {
  const response = await reader.get(path(job), init);
  const headers = [...response.headers].filter(([name]) => !['date', 'ratelimit'].includes(name));
  return JSON.parse(JSON.stringify([response.status, headers, await response.text()]).replaceAll(job, 'JOB'));
}

const ROUTES: readonly [string, string, (job: string, query: string) => string][] = [
  ['GET', 'log', (job, query) => `/api/v1/jobs/${job}/log${query}`],
  ['HEAD', 'log', (job, query) => `/api/v1/jobs/${job}/log${query}`],
  ['GET', 'details', (job, query) => `/api/v1/jobs/${job}${query}`],
  ['DELETE', 'log', (job, query) => `/api/v1/jobs/${job}/log${query}`],
  ['GET', 'kube pod', (job) => `/kube/api/v1/namespaces/b/pods/${job}`],
  ['GET', 'kube log', (job) => `/kube/api/v1/namespaces/b/pods/${job}/log`],
];
const QUERIES = ['', '?namespace=b'];
const USERS = ['team-a', 'team-ac', 'one-job', 'nobody', 'deleter-a'];

describe('403 is the same whether there is such a job or not', () => {
  const cases = ROUTES.flatMap(([method, name, path]) =>
    QUERIES.flatMap((query) => USERS.map((user) => ({ method, name, path, query, user }))),
  );
  test.each(cases)('$user: $method $name $query', async ({ method, path, query, user }) => {
    const init = as(user, { method });
    const [known, unknown] = [
      await seen((job) => path(job, query), 'b-only', init),
      await seen((job) => path(job, query), 'b-none', init),
    ];
    expect(known).toEqual(unknown);
    expect((known as [number])[0]).toBe(403);
  });
});

describe('lists', () => {
  const list = async (user: string, query = ''): Promise<{ names: string[]; cursors: string[] }> => {
    const names: string[] = [];
    const cursors: string[] = [];
    for (let cursor = ''; ;) {
      const page = JSON.parse(await textFor(user, `/api/v1/jobs?limit=1${query}${cursor}`)) as {
        jobs: { name: string }[];
        next_cursor: string | null;
      };
      names.push(...page.jobs.map(({ name }) => name));
      if (page.next_cursor === null) return { names, cursors };
      cursors.push(page.next_cursor);
      cursor = `&cursor=${page.next_cursor}`;
    }
  };

  test.each([
    ['admin', ['a-only', 'b-only', 'b-some', 'both', 'triple']],
    ['team-a', ['a-only', 'both', 'triple']],
    ['one-job', ['b-some']],
    ['nobody', []],
    ['deleter-a', []],
  ])('%s sees %j', async (user, names) => {
    expect((await list(user)).names).toEqual(names);
  });

  test('by namespace', async () => {
    expect((await list('team-a', '&namespace=a')).names).toEqual(['a-only', 'both', 'triple']);
    expect((await list('team-a', '&namespace=b')).names).toEqual([]);
    expect((await list('one-job', '&namespace=b')).names).toEqual(['b-some']);
  });

  test('cursors name nothing that they may not know', async () => {
    const named = (cursors: readonly string[]) =>
      cursors.map((cursor) => Buffer.from(cursor, 'base64url').toString('latin1').replace(/^1:/, ''));
    expect(named((await list('nobody')).cursors)).toEqual([]);
    expect(named((await list('one-job')).cursors)).toEqual([]);
    expect(named((await list('team-a')).cursors)).toEqual(['a-only', 'both']);
  });

  test('what there is of a job elsewhere does not show', async () => {
    const { jobs } = JSON.parse(await textFor('team-a', '/api/v1/jobs?prefix=both')) as { jobs: unknown };
    expect(jobs).toEqual([{ name: 'both', has_merged_files: true, has_raw_files: false }]);
  });

  test('kubectl’s list of pods', async () => {
    const pods = async (user: string) => {
      const { items } = JSON.parse(await textFor(user, '/kube/api/v1/pods')) as {
        items: { metadata: { name: string; namespace: string } }[];
      };
      return items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    };
    expect(await pods('team-a')).toEqual(['a/a-only', 'a/both', 'a/triple']);
    expect(await pods('nobody')).toEqual([]);
  });
});

describe('Kubernetes is away', () => {
  test('nobody is let in on that; those who were known a moment ago still are', async () => {
    expect((await reader.get(logPath('a-only', { namespace: 'a' }), as('team-a'))).status).toBe(200);
    kube.down = true;
    try {
      const unknown = await reader.get(logPath('a-only'), { headers: { Authorization: 'Bearer somebody-new' } });
      expect(Number(unknown.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await errorOf(unknown)).toMatchObject({ status: 503, code: 'identity_unavailable' });
      // A right that nobody has asked for yet.
      const right = await reader.get(logPath('x', { namespace: 'never-asked' }), as('team-a'));
      expect(await errorOf(right)).toMatchObject({ status: 503, code: 'identity_unavailable' });
    } finally {
      kube.down = false;
    }
    expect((await reader.get(logPath('a-only'), { headers: { Authorization: 'Bearer somebody-new' } })).status).toBe(
      401,
    );
  });

  test('it refuses to review', async () => {
    const fault = kube.fault({ match: ({ kind }) => kind === 'tokenreview', fault: { status: 403 } });
    const refused = await reader.get(logPath('a-only'), { headers: { Authorization: 'Bearer somebody-else' } });
    fault.remove();
    expect(await errorOf(refused)).toMatchObject({ status: 503, code: 'identity_unavailable' });
  });
});

describe('tokens', () => {
  const events = { Accept: 'text/event-stream' };
  const withToken = (path: string, user = 'team-a') =>
    `${path}${path.includes('?') ? '&' : '?'}access_token=${token(user)}`;

  test('in the query for event streams alone', async () => {
    const log = withToken(logPath('a-only'));
    expect((await reader.get(log, { headers: events })).status).not.toBe(401);
    for (const [path, init] of [
      [log, {}],
      [log, { method: 'HEAD', headers: events }],
      [log, { method: 'DELETE', headers: events }],
      [withToken('/api/v1/jobs'), { headers: events }],
      [withToken('/ping'), { headers: events }],
      [withToken('/kube/api/v1/pods'), {}],
    ] as const) {
      const response = await reader.get(path, init);
      expect(response.status).toBe(400);
      if ('method' in init && init.method === 'HEAD') continue;
      expect(await response.text()).toContain('access_token is allowed for WebSocket and text/event-stream only');
    }
    const wrong = await reader.get(`${logPath('a-only')}&access_token=wrong`, { headers: events });
    expect(wrong.status).toBe(401);
    const two = await reader.get(log, { headers: { ...events, Authorization: `Bearer ${token('team-a')}` } });
    expect(two.status).toBe(400);
    const twice = await reader.get(withToken(log), { headers: events });
    expect(twice.status).toBe(400);
  });

  test('are found nowhere: not in the log, in metrics or in any answer', async () => {
    const requests = [
      reader.get(`${withToken(logPath('a-only'))}&access_token=%E0%A4%A`, { headers: events }),
      reader.get(`${logPath('a-only')}&acce%73s_token=${token('team-a')}`, { headers: events }),
      reader.get(withToken(logPath('a-only', { since: 'no-time' })), { headers: events }),
      reader.get(withToken('/nothing/here')),
      reader.get(withToken(logPath('b-only')), { headers: events }),
      reader.get('/api/v1/jobs?x=1', as('team-a')),
    ];
    const bodies = await Promise.all(requests.map(async (request) => (await request).text()));
    const metrics = await (await reader.get('/metrics')).text();
    const ready = await (await reader.get('/readyz')).text();
    await eventually('all is logged', () => reader.app.output.includes('/nothing/here'));
    for (const text of [...bodies, metrics, ready, reader.app.output]) {
      expect(text).not.toMatch(/token-of-/);
      expect(text).not.toContain(Buffer.from('token-of-').toString('base64url').slice(0, 11));
    }
  });
});
