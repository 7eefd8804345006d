import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, type KubeApiDouble, startKubeApi } from '@cordwood/testkit';
import { KubeConfig } from '@kubernetes/client-node';
import { createKube, type Kube, KubeError, KubeForbiddenError, KubeUnavailableError } from './index.ts';
import { failure, openCluster, type SpecCluster } from './spec-support.ts';

let cluster: SpecCluster<KubeApiDouble>;
let api: KubeApiDouble;
let kube: Kube;

beforeEach(async () => {
  cluster = await openCluster(await startKubeApi(), { timeoutMs: 60_000 });
  ({ api, kube } = cluster);
});

afterEach(async () => {
  await cluster.close();
});

describe('pod', () => {
  test('a running one', async () => {
    const pod = api.createPod({ name: 'a', namespace: 'n', containers: [{ name: 'x' }, { name: 'y' }] });
    expect(await kube.pod('n', 'a')).toMatchObject({
      namespace: 'n',
      name: 'a',
      uid: pod.uid,
      phase: 'Running',
      deleting: false,
      finished: false,
      containers: [
        { name: 'x', kind: 'main', containerId: pod.container('x').current.containerId, state: { phase: 'running' } },
        { name: 'y', kind: 'main', containerId: pod.container('y').current.containerId, restartCount: 0 },
      ],
    });
  });

  test('none', async () => {
    api.createPod({ name: 'a', namespace: 'other' });
    expect(await kube.pod('jobs', 'a')).toBeUndefined();
    expect(await kube.pod('jobs', '../a')).toBeUndefined();
  });

  test('a path that is none of Kubernetes’ is not a pod that is missing', async () => {
    api.fault({ fault: { status: 404, message: 'page not found' } });
    const error = await failure(kube.pod('jobs', 'a'));
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({ status: 404 });
  });

  test('something that is no pod', async () => {
    api.fault({ fault: { body: '<html>' } });
    expect(await failure(kube.pod('jobs', 'a'))).toBeInstanceOf(KubeUnavailableError);
  });
});

describe('namespacesOf', () => {
  test('names them all', async () => {
    for (const namespace of ['b', 'c', 'a']) api.createPod({ name: 'job', namespace });
    api.createPod({ name: 'other', namespace: 'd' });
    expect(await kube.namespacesOf('job')).toEqual(['a', 'b', 'c']);
    expect(await kube.namespacesOf('nowhere')).toEqual([]);
  });

  test('asks for one page after the other', async () => {
    const namespaces = Array.from({ length: 1001 }, (_, index) => `n${String(index).padStart(4, '0')}`);
    for (const namespace of namespaces) api.createPod({ name: 'job', namespace });
    expect(await kube.namespacesOf('job')).toEqual(namespaces);
    expect(api.count('pods')).toBe(3);
  });

  test('does not know when it may not look', async () => {
    api.fault({ fault: { status: 403 } });
    expect(await kube.namespacesOf('job')).toBeUndefined();
    api.fault({ fault: { status: 401 } });
    expect(await failure(kube.namespacesOf('job'))).toBeInstanceOf(KubeForbiddenError);
  });
});

describe('reviews', () => {
  const ann = { username: 'ann', uid: '7', groups: ['devs'], extra: { 'example.test/team': ['a', 'b'] } };

  test('a token is somebody, or nobody', async () => {
    api.users.set('secret', ann);
    api.users.set('nameless', { username: '' });
    expect(await kube.reviewToken('secret')).toEqual(ann);
    expect(await kube.reviewToken('wrong')).toBeUndefined();
    expect(await kube.reviewToken('nameless')).toBeUndefined();
    expect(api.count('tokenreview')).toBe(3);
  });

  test.each([
    [{ user: 'ann', verb: 'get', resource: 'pods', subresource: 'log', namespace: 'jobs' }, true],
    [{ group: 'devs', verb: 'get', resource: 'pods', subresource: 'log' }, true],
    [{ user: 'ann', verb: 'get', resource: 'pods', subresource: 'log', namespace: 'jobs', name: 'a' }, true],
    [{ user: 'ann', verb: 'get', resource: 'pods', subresource: '' }, false],
    [{ user: 'bob' }, false],
    [{ group: 'ops' }, false],
    [{ user: 'ann', verb: 'delete' }, false],
    [{ user: 'ann', namespace: 'other' }, false],
    [{ user: 'ann', name: 'b' }, false],
  ])('%j allows her to get the log: %s', async (rule, allowed) => {
    api.rules.push(rule);
    const access = { verb: 'get', resource: 'pods', subresource: 'log', namespace: 'jobs', name: 'a' } as const;
    expect(await kube.reviewAccess(ann, access)).toBe(allowed);
  });

  test('a right in one namespace is none for all of them', async () => {
    api.rules.push({ user: 'ann', namespace: 'jobs' });
    expect(await kube.reviewAccess(ann, { verb: 'list', resource: 'pods', namespace: '' })).toBe(false);
    expect(await kube.reviewAccess(ann, { verb: 'list', resource: 'pods', namespace: 'jobs' })).toBe(true);
  });

  test('that we may not ask for are an error, not a no', async () => {
    api.fault({ fault: { status: 403 }, times: 2 });
    expect(await failure(kube.reviewToken('secret'))).toBeInstanceOf(KubeForbiddenError);
    const access = { verb: 'get', resource: 'pods', namespace: 'jobs' } as const;
    expect(await failure(kube.reviewAccess(ann, access))).toBeInstanceOf(KubeForbiddenError);
  });
});

describe('get', () => {
  test('passes on what Kubernetes answers, in the form that is asked for', async () => {
    api.createPod({ name: 'a' });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const { status, contentType, body } = await kube.get('/api/v1/namespaces/jobs/pods?limit=500', { accept });
    expect({ status, contentType }).toEqual({ status: 200, contentType: 'application/json' });
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({
      kind: 'Table',
      rows: [
        {
          cells: [
            'a',
            '1/1',
            'Running',
            '0',
            expect.stringMatching(/^\d+s$/),
            '192.0.2.2',
            'node-1',
            '<none>',
            '<none>',
          ],
        },
      ],
    });
  });

  test('passes errors on, too', async () => {
    const { status, body } = await kube.get('/api/v1/namespaces/jobs/pods/none');
    expect(status).toBe(404);
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({
      kind: 'Status',
      message: 'pods "none" not found',
    });
  });
});

describe('reaching Kubernetes', () => {
  test('check says whether it can be reached, and lets us in', async () => {
    await kube.check();
    api.fault({ fault: { status: 401 } });
    expect(await failure(kube.check())).toBeInstanceOf(KubeForbiddenError);
    api.down = true;
    const error = await failure(kube.check());
    expect(error).toBeInstanceOf(KubeUnavailableError);
    expect(error).toMatchObject({ message: 'Kubernetes cannot be reached' });
  });

  test('the token of the kubeconfig is shown', async () => {
    await cluster.close();
    cluster = await openCluster(await startKubeApi({ token: 'let-me-in' }));
    ({ api, kube } = cluster);
    await kube.check();
    api.token = 'another';
    expect(await failure(kube.check())).toBeInstanceOf(KubeForbiddenError);
  });

  test('an answer that does not come in time', async () => {
    await cluster.close();
    cluster = await openCluster(await startKubeApi(), { timeoutMs: 50 });
    ({ api, kube } = cluster);
    const held = api.fault({ fault: { hold: true } });
    expect(await failure(kube.pod('jobs', 'a'))).toBeInstanceOf(KubeUnavailableError);
    held.release();
  });

  test('an answer that does not end in time', async () => {
    const server = createServer((_, response) => response.write('{"kind":'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const config = new KubeConfig();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    config.loadFromClusterAndUser({ name: 'c', server: url, skipTLSVerify: true }, { name: 'u' });
    const client = createKube(config, { timeoutMs: 50 });
    expect(await failure(client.check())).toBeInstanceOf(KubeUnavailableError);
    const stop = new AbortController();
    const checking = failure(client.check(stop.signal));
    stop.abort(new Error('enough'));
    expect(await checking).toMatchObject({ message: 'enough' });
    client.close();
    server.closeAllConnections();
    server.close();
  });

  test('connections are kept, and those that were closed meanwhile are no failure', async () => {
    const sockets = new Set<unknown>();
    let answers = 0;
    const server = createServer((request, response) => {
      sockets.add(request.socket);
      // Every second request finds its connection gone, as after a pause that was longer than the server's patience.
      if (++answers % 2 === 0) request.socket.resetAndDestroy();
      else response.end('{}');
    });
    // Longer than any pause of the test.
    server.keepAliveTimeout = 600_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const config = new KubeConfig();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    config.loadFromClusterAndUser({ name: 'c', server: url, skipTLSVerify: true }, { name: 'u' });
    const client = createKube(config);
    for (let i = 0; i < 4; i++) await client.check();
    expect({ answers, sockets: sockets.size }).toEqual({ answers: 7, sockets: 4 });
    client.close();
    server.close();
  });

  test('the signal ends a request at once', async () => {
    const held = api.fault({ fault: { hold: true } });
    const stop = new AbortController();
    const asking = failure(kube.pod('jobs', 'a', stop.signal));
    await eventually('asked', () => api.count('pod') === 1);
    stop.abort(new Error('enough'));
    expect(await asking).toMatchObject({ message: 'enough' });
    held.release();
  });

  test('an answer that breaks off', async () => {
    api.fault({ fault: { refuse: true } });
    expect(await failure(kube.pod('jobs', 'a'))).toBeInstanceOf(KubeUnavailableError);
  });
});
