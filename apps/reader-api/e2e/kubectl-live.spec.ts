import { eventually, fluentBitUpload, type KubeApiDouble, type PodDouble, startKubeApi } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Reader, startReader, startSystemAndReader } from './harness.ts';
import { describeKubectl, type Kubectl, kubectlFor } from './kubectl-harness.ts';

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** With Kubernetes beside the archive: pods run, are restarted, end and go. */
describeKubectl('kubectl reads what is live', () => {
  let kube: KubeApiDouble;
  let reader: Reader;
  let kubectl: Kubectl;
  let uploads = 0;
  const collect = async (pod: PodDouble, container = pod.name) => {
    for (const instance of pod.container(container).instances) {
      const lines = instance.collect();
      if (lines.length > 0) await fluentBitUpload(reader.system.store, instance, lines, { index: uploads++ });
    }
  };
  beforeAll(async () => {
    kube = await startKubeApi();
    reader = await startSystemAndReader({ KUBERNETES: 'kubeconfig', KUBECONFIG: await kube.kubeconfig() });
    kubectl = kubectlFor(reader.url);
  });
  afterAll(async () => {
    await reader.system.close();
    await kube.stop();
  });

  test('logs: the archive and then the live log, without a word between them', async () => {
    const pod = kube.createPod({ name: 'running' });
    pod.container().write('archived 1');
    pod.container().write('archived 2');
    await collect(pod);
    pod.container().write('live');
    expect(await kubectl.text('logs', 'running')).toBe(text(['archived 1', 'archived 2', 'live']));
    expect(await kubectl.text('logs', 'running', '--tail=2')).toBe(text(['archived 2', 'live']));
    expect(await kubectl.text('logs', 'running', '--timestamps')).toMatch(
      /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \w+( \d)?\n){3}$/,
    );
  });

  test('-f: to the end of the pod, over a restart', async () => {
    const pod = kube.createPod({ name: 'followed' });
    const container = pod.container();
    container.write('one');
    await collect(pod);
    const following = kubectl.start('logs', '-f', 'followed');
    await following.lines(1);
    container.write('two');
    await following.lines(2);
    container.terminate(1);
    container.start();
    container.write('three');
    await following.lines(3);
    container.terminate(0);
    expect(await following.ended).toEqual({ code: 0, stdout: text(['one', 'two', 'three']), stderr: '' });
  });

  test('--previous', async () => {
    const pod = kube.createPod({ name: 'crashing' });
    pod.container().write('first try');
    pod.container().terminate(1);
    pod.container().start();
    pod.container().write('second try');
    await collect(pod);
    expect(await kubectl.text('logs', 'crashing', '--previous')).toBe('first try\n');
    expect(await kubectl.text('logs', 'crashing')).toBe(text(['first try', 'second try']));
  });

  test('a pod that is gone: kubectl sees what its log tells', async () => {
    const pod = kube.createPod({ name: 'gone' });
    pod.container().write('still here');
    await collect(pod);
    expect(await kubectl.text('get', 'pod', 'gone', '--no-headers')).toMatch(/^gone +1\/1 +Running +0 +\d+s\n$/);
    pod.delete();
    expect(await kubectl.text('get', 'pod', 'gone', '--no-headers')).toMatch(/^gone +0\/1 +Archived +0 +\S+\n$/);
    expect(await kubectl.text('logs', 'gone')).toBe('still here\n');
    const { status, metadata } = await kubectl.pod('gone');
    expect(metadata.labels).toEqual({ 'cordwood.dev/archived': 'true' });
    expect(status).toMatchObject({
      phase: 'Unknown',
      reason: 'Archived',
      message: expect.stringContaining('not known'),
    });
    expect(status.containerStatuses[0]?.state.terminated).toMatchObject({ exitCode: -1, reason: 'Archived' });
  });

  test('a container that waits to be started: an error, or the wait for it', async () => {
    const pod = kube.createPod({ name: 'waiting', containers: [{ name: 'waiting', waiting: 'ContainerCreating' }] });
    expect((await kubectl('logs', 'waiting')).stderr).toBe(
      'Error from server (BadRequest): container "waiting" in pod "waiting" is waiting to start: ContainerCreating\n',
    );
    const following = kubectl.start('logs', '-f', 'waiting');
    await eventually('it is waited for', () => kube.count('log') > 0 || kube.count('pod') > 3);
    pod.container().start();
    pod.container().write('at last');
    await following.lines(1);
    pod.container().terminate(0);
    expect(await following.ended).toEqual({ code: 0, stdout: 'at last\n', stderr: '' });
  });

  test('an init container, and which containers may be named', async () => {
    const pod = kube.createPod({ name: 'with-init', initContainers: [{ name: 'setup' }] });
    pod.container('setup').write('prepared');
    pod.container('setup').terminate(0);
    pod.container('with-init').write('works');
    expect(await kubectl.text('logs', 'with-init', '-c', 'setup')).toBe('prepared\n');
    expect(await reader.text('/kube/api/v1/namespaces/jobs/pods/with-init/log')).toBe('works\n');
    kube.createPod({ name: 'many', containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'setup' }] });
    const response = await reader.get('/kube/api/v1/namespaces/jobs/pods/many/log');
    expect(await response.json()).toMatchObject({
      message:
        'a container name must be specified for pod many, choose one of: [a b] or one of the init containers: [setup]',
      reason: 'BadRequest',
    });
  });

  test('-f --all-containers --prefix, and no more of them than --max-log-requests', async () => {
    const names = ['a', 'b', 'c'];
    const pod = kube.createPod({
      name: 'several',
      labels: { app: 'several' },
      containers: names.map((name) => ({ name, waiting: 'ContainerCreating' })),
    });
    const options = ['logs', '-f', '-l', 'app=several', '--all-containers', '--prefix'];
    expect(await kubectl(...options, '--max-log-requests=2')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'you are attempting to follow 3 log streams, but maximum allowed concurrency is 2',
      ),
    });
    const following = kubectl.start(...options, '--max-log-requests=3');
    for (const name of names) {
      // At once, so that Kubernetes alone shows that nothing was before it.
      pod.container(name).start();
      pod.container(name).write(`of ${name}`);
      await following.lines(names.indexOf(name) + 1);
    }
    for (const name of names) pod.container(name).terminate(0);
    const { code, stdout } = await following.ended;
    expect([code, stdout]).toEqual([0, text(names.map((name) => `[pod/several/${name}] of ${name}`))]);
  });

  test('two containers, of which kubectl takes the one that it would take', async () => {
    const options = { containers: [{ name: 'a' }, { name: 'b' }] };
    const plain = kube.createPod({ name: 'plain-two', ...options });
    const annotated = kube.createPod({
      name: 'annotated-two',
      annotations: { 'kubectl.kubernetes.io/default-container': 'b', 'example.test/secret': 'x' },
      ...options,
    });
    for (const pod of [plain, annotated]) {
      pod.container('a').write('from a');
      pod.container('b').write('from b');
    }
    const defaulted = 'Defaulted container "a" out of: a, b\n';
    expect(await kubectl('logs', 'plain-two')).toEqual({ code: 0, stdout: 'from a\n', stderr: defaulted });
    expect(await kubectl.text('logs', 'annotated-two')).toBe('from b\n');
    expect((await kubectl.pod('annotated-two')).metadata.annotations).toEqual({
      'kubectl.kubernetes.io/default-container': 'b',
    });
  });

  test('lists hold the live ones and those that are gone, each once, by any chunk', async () => {
    const labels = { app: 'listed' };
    for (const name of ['listed-a', 'listed-b', 'listed-c']) {
      const pod = kube.createPod({ name, labels, namespace: 'listing' });
      pod.container().write(`log of ${name}`);
      await collect(pod);
      if (name === 'listed-b') pod.delete();
    }
    const names = text(['pod/listed-a', 'pod/listed-c', 'pod/listed-b']);
    const get = (...args: string[]) => kubectl.text('get', 'pods', '-n', 'listing', '-o', 'name', ...args);
    expect(await get()).toBe(names);
    for (const size of ['1', '2', '3']) expect(await get(`--chunk-size=${size}`)).toBe(names);
    expect(await get('-l', 'app=listed')).toBe(text(['pod/listed-a', 'pod/listed-c']));
    expect(await get('-l', 'app!=listed')).toBe('pod/listed-b\n');
    expect(await get('--field-selector=status.phase=Running')).toBe(text(['pod/listed-a', 'pod/listed-c']));
    expect(await get('--field-selector=status.phase=Unknown')).toBe('pod/listed-b\n');
    const logs = await kubectl.text('logs', '-n', 'listing', '-l', 'app=listed', '--prefix');
    expect(logs.split('\n').toSorted().slice(1)).toEqual([
      '[pod/listed-a/listed-a] log of listed-a',
      '[pod/listed-c/listed-c] log of listed-c',
    ]);
  });

  test('what Kubernetes does not let Cordwood see is said', async () => {
    const pod = kube.createPod({ name: 'hidden', namespace: 'secret' });
    pod.container().write('archived');
    await collect(pod);
    const fault = kube.fault({
      match: ({ kind, namespace }) => kind.startsWith('pod') && namespace === 'secret',
      times: Infinity,
      fault: { status: 403 },
    });
    try {
      const { code, stdout, stderr } = await kubectl('get', 'pods', '-n', 'secret', '--no-headers');
      expect([code, stdout.split(/ +/).slice(0, 3)]).toEqual([0, ['hidden', '0/1', 'Unknown']]);
      expect(stderr).toMatch(/^Warning: Kubernetes does not let Cordwood list pods of the namespace secret/);
      const one = await kubectl('logs', '-n', 'secret', 'hidden');
      expect([one.code, one.stdout]).toEqual([0, 'archived\n']);
      expect(one.stderr).toMatch(/^Warning: Kubernetes does not let Cordwood see pods of the namespace secret/);
    } finally {
      fault.remove();
    }
  });

  test('while Kubernetes is away, nothing is said of pods that may be there', async () => {
    kube.createPod({ name: 'unreachable' });
    kube.down = true;
    try {
      const response = await reader.get('/kube/api/v1/namespaces/jobs/pods/unreachable');
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await response.json()).toMatchObject({ kind: 'Status', reason: 'ServiceUnavailable', code: 503 });
    } finally {
      kube.down = false;
    }
  });

  test('a reader that stops breaks off what is followed, at once, so that it does not pass for whole', async () => {
    const own = await startReader(reader.system, {
      ...{ KUBERNETES: 'kubeconfig', KUBECONFIG: await kube.kubeconfig() },
      // Longer than the test may take: nothing waits for that.
      SHUTDOWN_TIMEOUT: '10m',
    });
    const pod = kube.createPod({ name: 'outlives-the-reader' });
    pod.container().write('one');
    const response = await own.get('/kube/api/v1/namespaces/jobs/pods/outlives-the-reader/log?follow=true');
    const reading = response.body!.getReader();
    expect(Buffer.from((await reading.read()).value).toString()).toBe('one\n');
    own.app.kill('SIGTERM');
    await expect(reading.read()).rejects.toThrow();
    expect(await own.app.ended).toBe(0);
  });
});
