import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type KubeApiDouble, selfSignedCertificate, startKubeApi } from '../index.ts';

/** That the double is like the real thing: the real kubectl takes it for one. */

const missing = spawnSync('kubectl', ['version', '--client']).error !== undefined;
if (missing) process.stderr.write('kubectl is not on the PATH: what the double looks like to it is not tested.\n');
const describeKubectl = missing ? describe.skip : describe;

let api: KubeApiDouble;
let home: string;
let kubeconfig: string;
let running: ChildProcess[];

beforeEach(async () => {
  api = await startKubeApi();
  home = await mkdtemp(join(tmpdir(), 'cordwood-kubectl-'));
  kubeconfig = await api.kubeconfig();
  running = [];
});

afterEach(async () => {
  for (const process of running) process.kill('SIGKILL');
  await api.stop();
  await rm(home, { recursive: true, force: true });
});

/** Starts kubectl; `home` is where it caches what it discovers. */
function start(...args: string[]) {
  const process_ = spawn('kubectl', args, { env: { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, HOME: home } });
  running.push(process_);
  const said = { out: '', err: '', process: process_, ended: once(process_, 'close') };
  process_.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  process_.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  return said;
}

async function kubectl(...args: string[]) {
  const said = start(...args);
  const [code] = (await said.ended) as [number];
  return { code, out: said.out, err: said.err };
}

describeKubectl('kubectl', () => {
  test('get pods, as a table', async () => {
    api.createPod({ name: 'a', containers: [{ name: 'x' }, { name: 'y', waiting: 'ImagePullBackOff' }] });
    api.createPod({ name: 'b' }).container().terminate();
    api.createPod({ name: 'c', namespace: 'other' }).container().restart({ hold: true });
    const rows = async (...args: string[]) => {
      const { out } = await kubectl('get', 'pods', ...args);
      return out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/).slice(0, -1));
    };
    expect(await rows()).toEqual([
      ['NAME', 'READY', 'STATUS', 'RESTARTS'],
      ['a', '1/2', 'ImagePullBackOff', '0'],
      ['b', '0/1', 'Completed', '0'],
    ]);
    expect(await rows('--all-namespaces')).toContainEqual(['other', 'c', '0/1', 'CrashLoopBackOff', '0']);
  });

  test('get pods by field, by label, and page by page', async () => {
    for (let i = 0; i < 5; i++)
      api.createPod({ name: `p${i}`, labels: { app: i % 2 === 0 ? 'even' : 'odd', [`n${i}`]: '' } });
    const names = async (...args: string[]) =>
      (await kubectl('get', 'pods', '-o', 'name', ...args)).out.trimEnd().split('\n').join(' ').replaceAll('pod/', '');
    expect(await names('--field-selector', 'metadata.name=p3')).toBe('p3');
    expect(await names('--field-selector', 'metadata.name!=p3,status.phase=Running')).toBe('p0 p1 p2 p4');
    expect(await names('-l', 'app=odd')).toBe('p1 p3');
    expect(await names('-l', 'app!=odd,!n0')).toBe('p2 p4');
    expect(await names('-l', 'app in (odd, x),n1')).toBe('p1');
    expect(await names('-l', 'app notin (odd)')).toBe('p0 p2 p4');
    expect(await names('--chunk-size=2')).toBe('p0 p1 p2 p3 p4');
    expect(api.requests.filter(({ query }) => query.has('continue'))).toHaveLength(2);
    expect((await kubectl('get', 'pods', '--field-selector', 'spec.image=x')).err).toContain(
      'field label not supported: spec.image',
    );
  });

  test('get and describe one pod', async () => {
    api.createPod({ name: 'a', initContainers: [{ name: 'i' }], ephemeralContainers: [{ name: 'e' }] });
    expect((await kubectl('get', 'pod', 'a', '-o', 'jsonpath={.status.phase}')).out).toBe('Running');
    const { out, code } = await kubectl('describe', 'pod', 'a');
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/Init Containers:\s+i:[\s\S]*Containers:\s+a:[\s\S]*Ephemeral Containers:\s+e:/),
    ]);
  });

  test('logs', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one', { time: '2020-11-21T10:00:00.5Z' });
    container.write('t', { time: '2020-11-21T10:00:01.000000001Z', part: 'P' });
    container.write('wo', { time: '2020-11-21T10:00:02Z', stream: 'stderr' });
    expect(await kubectl('logs', 'a')).toEqual({ code: 0, out: 'one\ntwo\n', err: '' });
    expect((await kubectl('logs', 'a', '--timestamps')).out).toBe(
      '2020-11-21T10:00:00.500000000Z one\n2020-11-21T10:00:01.000000001Z two\n',
    );
    expect((await kubectl('logs', 'a', '--since-time', '2020-11-21T10:00:01Z')).out).toBe('two\n');
    expect((await kubectl('logs', 'a', '--since', '1s')).out).toBe('');
    expect((await kubectl('logs', 'a', '--since', '200000h')).out).toBe('one\ntwo\n');
    // Lines of the file count, and a cut line takes several of them.
    expect((await kubectl('logs', 'a', '--tail', '1')).out).toBe('wo\n');
    expect((await kubectl('logs', 'a', '--tail', '0')).out).toBe('');
    expect((await kubectl('logs', 'a', '--limit-bytes', '5')).out).toBe('one\nt');
  });

  test('logs of several containers and pods', async () => {
    for (const name of ['a', 'b']) {
      const pod = api.createPod({ name, labels: { app: 'x' }, containers: [{ name: 'one' }, { name: 'two' }] });
      for (const container of pod.containers) container.write(`${name} ${container.name}`);
    }
    expect(await kubectl('logs', 'a')).toEqual({
      code: 0,
      out: 'a one\n',
      err: 'Defaulted container "one" out of: one, two\n',
    });
    expect((await kubectl('logs', 'a', '-c', 'two')).out).toBe('a two\n');
    // kubectl takes them in any order.
    const linesOf = async (...args: string[]) => (await kubectl('logs', ...args)).out.split('\n').toSorted();
    expect(await linesOf('a', '--all-containers', '--prefix')).toEqual(['', '[pod/a/one] a one', '[pod/a/two] a two']);
    expect(await linesOf('-l', 'app=x', '--all-containers')).toEqual(['', 'a one', 'a two', 'b one', 'b two']);
  });

  test('logs -f, through a rotation, to the end of the container', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const following = start('logs', '-f', 'a');
    await eventually('one', () => following.out === 'one\n');
    container.rotate();
    container.write('two');
    await eventually('two', () => following.out === 'one\ntwo\n');
    container.write('three');
    container.restart();
    container.write('another instance');
    await following.ended;
    expect([following.out, following.process.exitCode]).toEqual(['one\ntwo\nthree\n', 0]);
  });

  test('logs --previous', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('before');
    expect(await kubectl('logs', 'a', '--previous')).toEqual({
      code: 1,
      out: '',
      err: 'Error from server (BadRequest): previous terminated container "a" in pod "a" not found\n',
    });
    container.restart();
    container.write('now');
    expect((await kubectl('logs', 'a', '--previous')).out).toBe('before\n');
    expect((await kubectl('logs', 'a')).out).toBe('now\n');
  });

  test('the messages of errors', async () => {
    api.createPod({ name: 'a', containers: [{ name: 'x', waiting: 'ContainerCreating' }] });
    expect((await kubectl('logs', 'none')).err).toBe(
      'error: error from server (NotFound): pods "none" not found in namespace "jobs"\n',
    );
    expect((await kubectl('logs', 'a', '-c', 'y')).err).toBe('error: container y is not valid for pod a\n');
    expect((await kubectl('logs', 'a')).err).toBe(
      'Error from server (BadRequest): container "x" in pod "a" is waiting to start: ContainerCreating\n',
    );
    expect((await kubectl('get', 'pods', 'none')).err).toBe('Error from server (NotFound): pods "none" not found\n');
    api.fault({ match: ({ kind }) => kind === 'log', fault: { status: 403 } });
    expect((await kubectl('logs', 'a')).err).toContain('Error from server (Forbidden): ');
    api.token = 'secret';
    expect((await kubectl('logs', 'a')).err).toContain('You must be logged in to the server');
  });

  test('a token of the kubeconfig', async () => {
    await api.stop();
    api = await startKubeApi({ token: 'secret', tls: await selfSignedCertificate() });
    kubeconfig = await api.kubeconfig();
    api.createPod({ name: 'a' }).container().write('one');
    expect((await kubectl('logs', 'a')).out).toBe('one\n');
  });
});
