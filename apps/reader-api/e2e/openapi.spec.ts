import { putRaw } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { putMerged, type Reader, startSystemAndReader } from './harness.ts';
import { fetchOpenApi, misfits, type OpenApi, operationsOf, pathOf, unexpected } from './openapi.ts';

let reader: Reader;
let document: OpenApi;
beforeAll(async () => {
  reader = await startSystemAndReader();
  const { store } = reader.system;
  await putMerged(reader.system, { pod: 'sample-job', namespace: 'jobs', files: [['one', 'two']] });
  await putRaw(store, { pod: 'sample-job', index: 60, messages: ['three'], namespace: 'jobs' });
  await store.put('metadata/broken.json', Buffer.from('{"log_files": ['));
  document = await fetchOpenApi(reader);
});
afterAll(() => reader.system.close());

test('it is OpenAPI 3.1', async () => {
  expect(await new Validator().validate(structuredClone(document) as unknown as Record<string, unknown>)).toEqual({
    valid: true,
  });
  expect(document.openapi).toBe('3.1.1');
});

test('every operation has a name of its own, and every parameter is explained', () => {
  const ids = operationsOf(document).map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { operation } of operationsOf(document)) {
    for (const { description } of operation.parameters ?? []) expect(description.length).toBeGreaterThan(10);
  }
});

test('what is described is there, and takes no other methods', async () => {
  for (const [path, item] of Object.entries(document.paths)) {
    const [first] = Object.values(item);
    const response = await reader.get(pathOf(path, first!), { method: 'PATCH' });
    const allowed = Object.keys(item).flatMap((method) =>
      method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
    );
    expect([path, response.status, response.headers.get('allow')]).toEqual([path, 405, allowed.join(', ')]);
    await response.text();
  }
});

test('defaults, examples and enumerated values are taken', async () => {
  const refused: string[] = [];
  for (const { path, method, operation } of operationsOf(document)) {
    if (method !== 'get') continue;
    for (const { name, in: where, schema } of operation.parameters ?? []) {
      if (where !== 'query') continue;
      const values = [...(schema.enum ?? []), ...(schema.examples ?? []), schema.default ?? []].flat();
      for (const value of values) {
        const query = new URLSearchParams({ [name]: String(value) });
        const leaving = new AbortController();
        const response = await reader.get(`${pathOf(path, operation)}?${query.toString()}`, { signal: leaving.signal });
        if (response.status === 400) refused.push(`${path} ${query.toString()}: ${await response.text()}`);
        leaving.abort();
      }
    }
  }
  expect(refused).toEqual([]);
});

describe('answers fit what is said of them', () => {
  const errorsOf = (path: string) => [
    [`${path}?nonsense=1`, 400],
    [`${path}?namespace=elsewhere`, 404],
  ];
  test.each([
    ['/ping', '/ping', 200],
    ['/healthz', '/healthz', 200],
    ['/readyz', '/readyz', 200],
    ['/metrics', '/metrics', 200],
    ['/docs', '/docs', 200],
    ['/docs/{file}', '/docs/page.js', 200],
    ['/docs/{file}', '/docs/none.js', 404],
    ['/openapi.json', '/openapi.json', 200],
    ['/api/v1/jobs', '/api/v1/jobs?limit=1', 200],
    ['/api/v1/jobs', '/api/v1/jobs?limit=0', 400],
    ['/api/v1/jobs/{job}', '/api/v1/jobs/sample-job', 200],
    ['/api/v1/jobs/{job}', '/api/v1/jobs/none', 404],
    ['/api/v1/jobs/{job}', '/api/v1/jobs/broken', 500],
    ['/api/v1/jobs/{job}/log', '/api/v1/jobs/sample-job/log', 200],
    ['/api/v1/jobs/{job}/log', '/api/v1/jobs/none/log', 404],
    ['/api/v1/jobs/{job}/log', '/api/v1/jobs/broken/log', 500],
    ...errorsOf('/api/v1/jobs/sample-job').map(([url, status]) => ['/api/v1/jobs/{job}', url, status]),
    ...errorsOf('/api/v1/jobs/sample-job/log').map(([url, status]) => ['/api/v1/jobs/{job}/log', url, status]),
  ] as [string, string, number][])('%s: %s gives %i', async (path, url, status) => {
    const response = await reader.get(url);
    expect(response.status).toBe(status);
    const operation = document.paths[path]?.['get'];
    expect(await unexpected(document, operation!, response)).toEqual([]);
  });

  test.each([
    ['/api/v1/jobs/{job}/log', '/api/v1/jobs/sample-job/log?download=true', 200],
    ['/api/v1/jobs/{job}/log', '/api/v1/jobs/sample-job/log?format=ndjson&limit=1', 200],
    ['/api/v1/jobs/{job}/log', '/api/v1/jobs/sample-job/log?format=sse', 200],
    ['/api/v1/jobs/{job}/log', '/api/v1/jobs/sample-job/log?tail=1&limit=1', 400],
    ['/api/v1/jobs/{job}/log_ws', '/api/v1/jobs/sample-job/log_ws', 426],
    ['/kube/api/v1/namespaces/{namespace}/pods/{pod}/log', '/kube/api/v1/namespaces/jobs/pods/sample-job/log', 200],
    ['/kube/api/v1/namespaces/{namespace}/pods/{pod}', '/kube/api/v1/namespaces/jobs/pods/sample-job', 200],
    ['/kube/api/v1/namespaces/{namespace}/pods/{pod}', '/kube/api/v1/namespaces/jobs/pods/none', 404],
  ] as [string, string, number][])('%s: %s gives %i', async (path, url, status) => {
    const response = await reader.get(url);
    expect(response.status).toBe(status);
    expect(await unexpected(document, document.paths[path]!['get']!, response)).toEqual([]);
  });

  test('each line of NDJSON, and the data of each event', async () => {
    const { content } = document.paths['/api/v1/jobs/{job}/log']!['get']!.responses['200']!;
    const items = (type: string) => content![type]!['x-item-schema']!;
    const lines = (await reader.text('/api/v1/jobs/sample-job/log?format=ndjson&limit=2')).trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(misfits(document, items('application/x-ndjson'), JSON.parse(line))).toEqual([]);
    const events = await reader.text('/api/v1/jobs/sample-job/log?format=sse');
    const data = [...events.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as unknown);
    expect(data).toHaveLength(4);
    for (const each of data) expect(misfits(document, items('text/event-stream'), each)).toEqual([]);
  });

  test('of DELETE', async () => {
    await putRaw(reader.system.store, { pod: 'dropped', index: 90, messages: ['x'] });
    const operation = document.paths['/api/v1/jobs/{job}/log']!['delete']!;
    for (const [url, status] of [
      ['dropped/log', 200],
      ['none/log', 404],
      ['dropped/log?since=1h', 400],
    ] as const) {
      const response = await reader.get(`/api/v1/jobs/${url}`, { method: 'DELETE' });
      expect([url, response.status, await unexpected(document, operation, response)]).toEqual([url, status, []]);
    }
  });

  test('and this finds what does not', () => {
    const { schema } = document.paths['/api/v1/jobs']!['get']!.responses['200']!.content!['application/json']!;
    const page = { jobs: [{ name: 'a', has_merged_files: true, has_raw_files: false }], next_cursor: null };
    expect(misfits(document, schema!, page)).toEqual([]);
    expect(misfits(document, schema!, { ...page, more: 1 })).toHaveLength(1);
    expect(misfits(document, schema!, { ...page, next_cursor: 1 })).toHaveLength(1);
    expect(misfits(document, schema!, { jobs: [{ name: 'a' }], next_cursor: null })).toHaveLength(2);
  });
});
