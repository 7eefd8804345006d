import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type KubeApiDouble, startKubeApi } from '@cordwood/testkit';
import { createKube, KubeForbiddenError, KubeUnavailableError, loadKubeConfig, type KubeError } from './index.ts';
import { failure } from './spec-support.ts';

const run = promisify(execFile);
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cordwood-kube-config-'));
  await mkdir(join(dir, 'account'));
  await writeFile(join(dir, 'account/token'), 'account-token');
  await writeFile(join(dir, 'account/ca.crt'), 'none');
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** Writes a kubeconfig; gives its path. */
async function kubeconfig(name: string, content: object): Promise<string> {
  const file = join(dir, name);
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...content }));
  return file;
}

const cluster = (name: string, server: string, more: object = {}) => ({
  clusters: [{ name, cluster: { server, ...more } }],
  contexts: [{ name, context: { cluster: name, user: name } }],
});

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
const account = () => join(dir, 'account');
const serverOf = (...options: Parameters<typeof loadKubeConfig>) =>
  loadKubeConfig(...options)?.getCurrentCluster()?.server;

describe('loadKubeConfig', () => {
  test('off: no Kubernetes, whatever there is', () => {
    expect(loadKubeConfig({ mode: 'off', env: IN_CLUSTER, serviceAccountDir: account() })).toBeUndefined();
  });

  test('in-cluster: the service account', () => {
    const config = loadKubeConfig({ mode: 'in-cluster', env: IN_CLUSTER, serviceAccountDir: account() });
    expect(config?.getCurrentCluster()).toMatchObject({
      server: 'https://10.0.0.1:443',
      caFile: join(account(), 'ca.crt'),
      skipTLSVerify: false,
    });
    const env = { ...IN_CLUSTER, KUBERNETES_SERVICE_HOST: 'fd00::1' };
    expect(serverOf({ mode: 'in-cluster', env, serviceAccountDir: account() })).toBe('https://[fd00::1]:443');
  });

  test.each([
    [{}, 'account'],
    [IN_CLUSTER, 'nowhere'],
  ])('in-cluster, but not in a cluster: %j %s', (env, place) => {
    expect(() => loadKubeConfig({ mode: 'in-cluster', env, serviceAccountDir: join(dir, place) })).toThrow(
      /KUBERNETES_SERVICE_HOST.*token/,
    );
  });

  test('auto: in-cluster, else KUBECONFIG, else none', async () => {
    const KUBECONFIG = await kubeconfig('auto', { ...cluster('c', 'https://other'), 'current-context': 'c' });
    const serviceAccountDir = account();
    expect(serverOf({ mode: 'auto', env: { ...IN_CLUSTER, KUBECONFIG }, serviceAccountDir })).toBe(
      'https://10.0.0.1:443',
    );
    expect(serverOf({ mode: 'auto', env: { KUBECONFIG }, serviceAccountDir })).toBe('https://other');
    expect(serverOf({ mode: 'auto', env: { ...IN_CLUSTER, KUBECONFIG }, serviceAccountDir: join(dir, 'no') })).toBe(
      'https://other',
    );
    const HOME = join(dir, 'home');
    await mkdir(join(HOME, '.kube'), { recursive: true });
    await writeFile(join(HOME, '.kube/config'), await readFile(KUBECONFIG));
    expect(loadKubeConfig({ mode: 'auto', env: { HOME }, serviceAccountDir })).toBeUndefined();
    expect(serverOf({ mode: 'kubeconfig', env: { HOME } })).toBe('https://other');
  });

  test('the context may be chosen; one that is not there is an error that says which there are', async () => {
    const both = { ...cluster('a', 'https://a/'), 'current-context': 'a' };
    const KUBECONFIG = [await kubeconfig('a', both), await kubeconfig('b', cluster('b', 'https://b'))].join(delimiter);
    const env = { KUBECONFIG };
    expect(serverOf({ mode: 'kubeconfig', env })).toBe('https://a');
    expect(serverOf({ mode: 'kubeconfig', env, context: 'b' })).toBe('https://b');
    expect(() => loadKubeConfig({ mode: 'kubeconfig', env, context: 'x' })).toThrow('no context x, only: a, b');
  });

  test('of several files the first that names something wins', async () => {
    const one = await kubeconfig('one', { ...cluster('c', 'https://one'), 'current-context': 'c' });
    const two = await kubeconfig('two', { ...cluster('c', 'https://two'), 'current-context': 'd' });
    expect(serverOf({ mode: 'kubeconfig', env: { KUBECONFIG: `${one}${delimiter}${delimiter}${two}` } })).toBe(
      'https://one',
    );
  });

  test.each(['missing', 'torn'])('a file that can’t be read is an error that names it: %s', async (name) => {
    await writeFile(join(dir, 'torn'), '{"clusters": [');
    const env = { KUBECONFIG: join(dir, name) };
    expect(() => loadKubeConfig({ mode: 'kubeconfig', env })).toThrow(join(dir, name));
  });

  test('no context, no cluster', async () => {
    const none = { KUBECONFIG: await kubeconfig('none', {}) };
    expect(() => loadKubeConfig({ mode: 'kubeconfig', env: none })).toThrow('no context');
    const dangling = { contexts: [{ name: 'c', context: { cluster: 'x', user: 'u' } }], 'current-context': 'c' };
    const env = { KUBECONFIG: await kubeconfig('dangling', dangling) };
    expect(() => loadKubeConfig({ mode: 'kubeconfig', env })).toThrow('no cluster x');
  });

  test('a token in a file, as kubeconfigs have it', async () => {
    const api = await startKubeApi({ token: 'from-a-file' });
    await writeFile(join(dir, 'token-file'), 'from-a-file\n');
    const users = [{ name: 'c', user: { tokenFile: 'token-file' } }];
    const env = {
      KUBECONFIG: await kubeconfig('with-file', { ...cluster('c', api.url), users, 'current-context': 'c' }),
    };
    const kube = createKube(loadKubeConfig({ mode: 'kubeconfig', env })!);
    expect(await failure(kube.check())).toBeUndefined();
    kube.close();
    await api.stop();
  });

  test('credentials of a plugin; what it says when it fails is not for users', async () => {
    const api = await startKubeApi({ token: 'from-a-plugin' });
    const plugin = join(dir, 'plugin');
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-a-plugin' },
    };
    await writeFile(
      plugin,
      `#!/bin/sh\n[ -e "${dir}/broken" ] && echo internal-secret >&2 && exit 1\necho '${JSON.stringify(credential)}'\n`,
    );
    await chmod(plugin, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
    const config = { ...cluster('c', api.url), users: [{ name: 'c', user: { exec } }], 'current-context': 'c' };
    const env = { KUBECONFIG: await kubeconfig('with-plugin', config) };
    const kube = createKube(loadKubeConfig({ mode: 'kubeconfig', env })!);
    await kube.check();
    kube.close();

    await writeFile(join(dir, 'broken'), '');
    const other = createKube(loadKubeConfig({ mode: 'kubeconfig', env })!);
    const error = (await failure(other.check())) as KubeError;
    expect(error).toMatchObject({ name: 'KubeError', detail: expect.stringContaining('internal-secret') });
    expect(error.message).not.toContain('internal-secret');
    other.close();
    await api.stop();
  });
});

describe('TLS', () => {
  let api: KubeApiDouble;
  /** Of the service account's directory. */
  let tls: string;

  // `npm test` sees to it that there is openssl; where there is none, these must fail rather than be left out.
  beforeAll(async () => {
    tls = join(dir, 'tls');
    await mkdir(tls);
    const openssl = (...args: string[]) => run('openssl', args, { cwd: tls });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=ca', '-days', '2');
    for (const [name, subject] of [
      ['server', '/CN=127.0.0.1'],
      ['client', '/O=devs/CN=ann'],
    ] as const) {
      await openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
      await writeFile(join(tls, 'san'), 'subjectAltName=IP:127.0.0.1');
      const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'san', '-days', '2'];
      await openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signed);
    }
  });

  afterAll(async () => {
    await api.stop();
  });

  const start = async (more: object = {}) => {
    const [key, cert] = [await readFile(join(tls, 'server.key')), await readFile(join(tls, 'server.crt'))];
    api = await startKubeApi({ token: 'account-token', tls: { key, cert, ...more } });
    const { hostname, port } = new URL(api.url);
    return { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  };

  test('in-cluster: the account’s token, and a server that the account’s CA vouches for', async () => {
    const env = await start();
    await writeFile(join(tls, 'token'), 'account-token');
    const kube = createKube(loadKubeConfig({ mode: 'in-cluster', env, serviceAccountDir: tls })!);
    api.createPod({ name: 'a' }).container().write('over TLS');
    expect(await kube.pod('jobs', 'a')).toMatchObject({ name: 'a' });
    // The answer to the second request comes over the same connection.
    const log = await kube.log({ namespace: 'jobs', pod: 'a', container: 'a' });
    expect(Buffer.from((await log[Symbol.asyncIterator]().next()).value as Uint8Array).toString()).toBe('over TLS\n');
    api.token = 'rotated';
    expect(await failure(kube.check())).toBeInstanceOf(KubeForbiddenError);
    kube.close();
    await api.stop();
  });

  test('a server that the CA does not vouch for is not talked to', async () => {
    const env = await start();
    const other = join(dir, 'other-ca');
    await mkdir(other);
    await writeFile(join(other, 'token'), 'account-token');
    await run(
      'openssl',
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out ca.crt -subj /CN=x'.split(' '),
      { cwd: other },
    );
    const kube = createKube(loadKubeConfig({ mode: 'in-cluster', env, serviceAccountDir: other })!);
    expect(await failure(kube.check())).toBeInstanceOf(KubeUnavailableError);
    expect(api.requests).toHaveLength(0);
    kube.close();
    await api.stop();
  });

  test('a client with a certificate', async () => {
    await start({ ca: await readFile(join(tls, 'ca.crt')), requestCert: true });
    const config = {
      ...cluster('c', api.url, { 'certificate-authority': 'tls/ca.crt' }),
      users: [
        {
          name: 'c',
          user: { token: 'account-token', 'client-certificate': 'tls/client.crt', 'client-key': 'tls/client.key' },
        },
      ],
      'current-context': 'c',
    };
    const env = { KUBECONFIG: await kubeconfig('client-certificate', config) };
    const kube = createKube(loadKubeConfig({ mode: 'kubeconfig', env })!);
    await kube.check();
    // Without its certificate the server would not have let it in.
    const bare = { ...config, users: [{ name: 'c', user: { token: 'account-token' } }] };
    const without = createKube(
      loadKubeConfig({ mode: 'kubeconfig', env: { KUBECONFIG: await kubeconfig('bare', bare) } })!,
    );
    expect(await failure(without.check())).toBeInstanceOf(KubeUnavailableError);
    kube.close();
    without.close();
  });
});
