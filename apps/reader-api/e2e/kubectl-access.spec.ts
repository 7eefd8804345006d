import { type KubeApiDouble, putRaw, startKubeApi, startTestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Reader, startReader } from './harness.ts';
import { describeKubectl, type Kubectl, kubectlFor, startTlsProxy } from './kubectl-harness.ts';

const decoded = (text: string): string => Buffer.from(text, 'base64url').toString();

/** AUTH_MODE=kubernetes: `kubectl --token` is somebody, or nobody. */
describeKubectl('who may read with kubectl', () => {
  let kube: KubeApiDouble;
  let reader: Reader;
  let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
  let kubectl: Kubectl;
  const READ = { verb: 'get', resource: 'pods', subresource: 'log' };
  beforeAll(async () => {
    kube = await startKubeApi({ token: 'of-the-reader' });
    kube.users.set('of-ann', { username: 'ann' });
    kube.users.set('of-root', { username: 'root' });
    kube.rules.push({ user: 'ann', ...READ, namespace: 'mine' }, { user: 'root', ...READ });
    const system = await startTestSystem();
    for (const namespace of ['mine', 'yours']) {
      const pod = kube.createPod({ name: `live-${namespace}`, namespace });
      pod.container().write(`${namespace}, live`);
      await putRaw(system.store, { pod: `gone-${namespace}`, namespace, index: 0, messages: [`${namespace}, gone`] });
      await putRaw(system.store, { pod: 'shared', namespace, index: 1, messages: [`${namespace}, shared`] });
    }
    reader = await startReader(system, {
      ...{ AUTH_MODE: 'kubernetes', HOST: '127.0.0.1' },
      ...{ KUBERNETES: 'kubeconfig', KUBECONFIG: await kube.kubeconfig() },
    });
    proxy = await startTlsProxy(reader.url);
    kubectl = kubectlFor(proxy.url, 'mine', ['--insecure-skip-tls-verify']);
  });
  afterAll(async () => {
    await proxy.stop();
    await reader.system.close();
    await kube.stop();
  });

  test('their own namespace', async () => {
    expect(await kubectl.text('--token=of-ann', 'logs', 'live-mine')).toBe('mine, live\n');
    expect(await kubectl.text('--token=of-ann', 'logs', 'gone-mine')).toBe('mine, gone\n');
  });

  test('not another one, in the same words whether there is such a pod or not', async () => {
    for (const pod of ['live-yours', 'gone-yours', 'none']) {
      expect(await kubectl('--token=of-ann', 'logs', '-n', 'yours', pod)).toEqual({
        code: 1,
        stdout: '',
        stderr: `Error from server (Forbidden): pods "${pod}" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "yours"\n`,
      });
    }
    const response = await reader.get('/kube/api/v1/namespaces/yours/pods/live-yours/log', {
      headers: { Authorization: 'Bearer of-ann' },
    });
    expect(response.status).toBe(403);
  });

  test('lists show what they may read, by any chunk', async () => {
    const list = (user: string, ...args: string[]) =>
      kubectl.text(`--token=of-${user}`, 'get', 'pods', '-A', '-o', 'name', ...args);
    for (const chunk of ['0', '1', '2']) {
      expect(await list('ann', `--chunk-size=${chunk}`)).toBe('pod/live-mine\npod/gone-mine\npod/shared\n');
      expect((await list('root', `--chunk-size=${chunk}`)).split('\n')).toHaveLength(7);
    }
  });

  test('what a page ends with tells nobody of pods that they may not know of', async () => {
    const firstPage = async (user: string) => {
      const headers = { Authorization: `Bearer of-${user}` };
      const { metadata } = (await (await reader.get('/kube/api/v1/pods?limit=1', { headers })).json()) as {
        metadata: { continue: string };
      };
      return decoded(decoded(metadata.continue).replace(/^.*:/, ''));
    };
    expect(await firstPage('root')).toBe('yours/live-yours');
    expect(await firstPage('ann')).not.toContain('yours');
  });

  test('a token that nobody has, or none', async () => {
    const { code, stderr } = await kubectl('--token=of-nobody', 'logs', 'live-mine');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: You must be logged in to the server \(.*token/)]);
    const response = await reader.get('/kube/api/v1/pods');
    expect(await response.json()).toMatchObject({ kind: 'Status', reason: 'Unauthorized', code: 401 });
  });
});
