import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { putRaw } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { putMerged, type Reader, startReader, startSystemAndReader } from './harness.ts';

/** What kubectl does not show: the bytes of the API below /kube. */
let reader: Reader;
beforeAll(async () => {
  reader = await startSystemAndReader();
  const { store } = reader.system;
  await putRaw(store, { pod: 'one', index: 0, messages: ['a', 'b'] });
  await putRaw(store, { pod: 'two', index: 0, messages: ['a'], container: 'x' });
  await putRaw(store, { pod: 'two', index: 1, messages: ['b'], container: 'y' });
  await putRaw(store, { pod: 'shared', index: 0, messages: ['mine'] });
  await putRaw(store, { pod: 'shared', index: 0, messages: ['theirs'], namespace: 'other', container: 'z' });
  await putMerged(reader.system, { pod: 'merged', files: [['one'], ['two', 'three']] });
});
afterAll(() => reader.system.close());

const POD_PATH = '/kube/api/v1/namespaces/jobs/pods';
const json = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
  const response = await reader.get(path, { headers });
  return { type: response.headers.get('content-type'), body: (await response.json()) as Record<string, unknown> };
};

describe('discovery', () => {
  test.each([
    ['/kube/api', { kind: 'APIVersions', versions: ['v1'] }],
    ['/kube/apis', { kind: 'APIGroupList', groups: [] }],
    ['/kube/version', { major: '1', minor: '32' }],
    [
      '/kube/api/v1',
      { kind: 'APIResourceList', resources: [{ name: 'pods', verbs: ['get', 'list'] }, { name: 'pods/log' }] },
    ],
  ])('%s, one by one', async (path, body) => {
    expect(await json(path)).toMatchObject({ type: 'application/json; charset=utf-8', body });
  });

  test.each(['v2', 'v2beta1'])('all in one answer, %s', async (version) => {
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const { body, ...answer } = await json('/kube/api', { Accept: `${type},application/json` });
    expect(answer.type).toBe(type);
    expect(body).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}` });
    expect(JSON.stringify(body)).toContain('"subresource":"log"');
    expect((await json('/kube/apis', { Accept: type })).body['items']).toEqual([]);
  });
});

describe('errors are Status objects', () => {
  test.each([
    [404, 'NotFound', 'pods "none" not found', `${POD_PATH}/none`],
    [404, 'NotFound', 'pods "none" not found', `${POD_PATH}/none/log`],
    [404, 'NotFound', 'pods "No_Pod" not found', `${POD_PATH}/No_Pod`],
    [404, 'NotFound', 'pods "shared" not found', '/kube/api/v1/namespaces/third/pods/shared/log'],
    [404, 'NotFound', 'the server could not find the requested resource', '/kube/api/v1/nodes'],
    [404, 'NotFound', 'the server could not find the requested resource', '/kube'],
    [400, 'BadRequest', 'a container name must be specified for pod two, choose one of: [x y]', `${POD_PATH}/two/log`],
    [400, 'BadRequest', 'container q is not valid for pod two', `${POD_PATH}/two/log?container=q`],
    [
      400,
      'BadRequest',
      'previous terminated container "one" in pod "one" not found',
      `${POD_PATH}/one/log?previous=true`,
    ],
    [400, 'BadRequest', 'tailLines: a whole number is allowed', `${POD_PATH}/one/log?tailLines=many`],
    [400, 'BadRequest', 'sinceTime: an RFC 3339 time is allowed', `${POD_PATH}/one/log?sinceTime=noon`],
    [400, 'BadRequest', 'continue key is not valid: it is none of this API', `${POD_PATH}?continue=bm9uZQ`],
    [
      405,
      'MethodNotAllowed',
      'pods cannot be watched here: ask again instead, or watch the Kubernetes API itself',
      `${POD_PATH}?watch=1`,
    ],
    [
      422,
      'Invalid',
      'PodLogOptions "one" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
      `${POD_PATH}/one/log?tailLines=-1`,
    ],
    [
      422,
      'Invalid',
      'PodLogOptions "one" is invalid: [limitBytes: Invalid value: 0: must be greater than 0, sinceSeconds: Invalid value: 0: must be greater than 0]',
      `${POD_PATH}/one/log?limitBytes=0&sinceSeconds=0`,
    ],
    [
      422,
      'Invalid',
      'PodLogOptions "one" is invalid: : Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
      `${POD_PATH}/one/log?sinceSeconds=1&sinceTime=2026-11-20T10:00:00Z`,
    ],
    [400, 'BadRequest', 'the path is not percent-encoded UTF-8', `${POD_PATH}/%ff`],
  ])('%i %s: %s', async (code, reason, message, path) => {
    const response = await reader.get(path);
    expect([response.status, response.headers.get('content-type')]).toEqual([code, 'application/json; charset=utf-8']);
    expect(await response.json()).toEqual({
      ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code },
      ...(message.startsWith('pods "') && { details: { name: path.split('/')[7], kind: 'pods' } }),
    });
  });

  test.each([
    ['/kube/api/v1/namespaces/%2e%2e/pods', `invalid namespace name "..": may not be '..'`],
    ['/kube/api/v1/namespaces/../pods', `invalid namespace name "..": may not be '..'`],
    ['/kube/api/v1/namespaces/%2E/pods/one/log', `invalid namespace name ".": may not be '.'`],
    ['/kube/api/v1/namespaces/%2e.', `invalid namespace name "..": may not be '..'`],
    ['/kube/api/v1/namespaces/jobs%2f..%2fother/pods', `invalid namespace name "jobs/../other": may not contain '/'`],
    ['/kube/api/v1/namespaces/%252e%252e/pods', `invalid namespace name "%2e%2e": may not contain '%'`],
    [`${POD_PATH}/%2e%2e`, `invalid pod name "..": may not be '..'`],
    [`${POD_PATH}/..%2fsecrets/log`, `invalid pod name "../secrets": may not contain '/'`],
  ])('%s: a name that would be another path is none', async (path, message) => {
    // `fetch` would resolve the dots.
    const { hostname, port } = new URL(reader.url);
    const [response] = (await once(request({ hostname, port, path, agent: false }).end(), 'response')) as [
      IncomingMessage,
    ];
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
    expect(JSON.parse(await text(response))).toEqual({ ...status, message, reason: 'BadRequest', code: 400 });
    expect(response.statusCode).toBe(400);
  });

  test('also of other methods', async () => {
    const response = await reader.get(`${POD_PATH}/one`, { method: 'DELETE' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await response.json()).toMatchObject({ kind: 'Status', reason: 'MethodNotAllowed' });
  });

  test('and of too many requests, with when to come again', async () => {
    const limited = await startReader(reader.system, { RATE_LIMIT: '2' });
    for (const status of [200, 200]) expect((await limited.get(`${POD_PATH}/one`)).status).toBe(status);
    const response = await limited.get(`${POD_PATH}/one`);
    const body = (await response.json()) as { details: { retryAfterSeconds: number } };
    expect(response.status).toBe(429);
    expect(body).toMatchObject({ kind: 'Status', reason: 'TooManyRequests', code: 429 });
    expect(String(body.details.retryAfterSeconds)).toBe(response.headers.get('retry-after'));
  });
});

test('of namespaces, only the one that is asked for', async () => {
  expect(await reader.text(`${POD_PATH}/shared/log`)).toBe('mine\n');
  expect(await reader.text('/kube/api/v1/namespaces/other/pods/shared/log')).toBe('theirs\n');
  const { body } = await json('/kube/api/v1/namespaces/other/pods');
  expect(body).toMatchObject({ kind: 'PodList', items: [{ metadata: { name: 'shared', namespace: 'other' } }] });
});

test('any namespace is there, so that it is the pod that kubectl does not find', async () => {
  const { body } = await json('/kube/api/v1/namespaces/any');
  expect(body).toEqual({ kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'any' } });
});

test('parameters that it does not know are ignored, and of two the first counts', async () => {
  const query =
    'container=y&container=x&pretty=true&insecureSkipTLSVerifyBackend=true&stream=All&unknown=%ff&tailLines=';
  expect(await reader.text(`${POD_PATH}/two/log?${query}`)).toBe('b\n');
});

test('HEAD', async () => {
  const response = await reader.get(`${POD_PATH}/one/log`, { method: 'HEAD' });
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    200,
    'text/plain; charset=utf-8',
    '',
  ]);
  expect((await reader.get(`${POD_PATH}/none/log`, { method: 'HEAD' })).status).toBe(404);
});

test('pages, by a token that is good for any limit', async () => {
  const names: string[] = [];
  let token: string | undefined;
  let pages = 0;
  do {
    const query = new URLSearchParams({
      limit: String(1 + (pages % 2)),
      ...(token !== undefined && { continue: token }),
    });
    const { body } = await json(`/kube/api/v1/pods?${query.toString()}`);
    const { items, metadata } = body as unknown as {
      items: { metadata: { name: string; namespace: string } }[];
      metadata: { continue?: string };
    };
    names.push(...items.map(({ metadata: { namespace, name } }) => `${namespace}/${name}`));
    token = metadata.continue;
    pages++;
  } while (token !== undefined);
  expect(names).toEqual(['jobs/merged', 'jobs/one', 'jobs/shared', 'other/shared', 'jobs/two']);
  expect(pages).toBe(3);
});

test('a list that a selector rules out costs nothing; one of a name costs as much as a pod', async () => {
  const requests = () => reader.metric('cordwood_s3_requests_total');
  const before = await requests();
  await json(`${POD_PATH}?labelSelector=app%3Dtrain`);
  expect(await requests()).toBe(before);
  await json(`${POD_PATH}?fieldSelector=metadata.name%3Done`);
  expect((await requests()) - before).toBeLessThanOrEqual(2);
});

test('a broken log hides no other', async () => {
  await reader.system.store.put('metadata/broken.json', Buffer.from('{"log_files": ['));
  const { body } = await json(POD_PATH);
  expect((body['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)).toEqual([
    'merged',
    'one',
    'shared',
    'two',
  ]);
  const response = await reader.get(`${POD_PATH}/broken`);
  expect(await response.json()).toMatchObject({ kind: 'Status', reason: 'InternalError', code: 500 });
  await reader.system.store.deleteMany([{ key: 'metadata/broken.json' }]);
});

test('a log that was deleted: not found, and why', async () => {
  const metadata = {
    version: 2,
    commit_id: 'test',
    log_files: [],
    deleted: [
      {
        namespace: 'jobs',
        container: 'deleted',
        container_id: 'c0ffee',
        until: '2026-11-20T10:00:00.000000+00:00',
        deleted_at: '2026-11-20T11:00:00.000000+00:00',
        reason: 'request',
      },
    ],
  };
  await reader.system.store.put('metadata/deleted.json', Buffer.from(JSON.stringify(metadata)));
  const response = await reader.get(`${POD_PATH}/deleted`);
  expect(await response.json()).toMatchObject({
    message: expect.stringMatching(/^pods "deleted" not found: the log of .* was deleted on request/),
    reason: 'NotFound',
  });
  await reader.system.store.deleteMany([{ key: 'metadata/deleted.json' }]);
});

test('a log that cannot be finished is a broken transfer', async () => {
  const [, gone] = await putMerged(reader.system, { pod: 'holed', files: [['one'], ['two']] });
  const { store } = reader.system;
  await store.put(gone!, (await (await store.get(gone!)).bytes()).subarray(0, 20));
  const response = await reader.get(`${POD_PATH}/holed/log`);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
});
