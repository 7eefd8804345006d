import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Reader, startSystemAndReader } from './harness.ts';
import { describeKubectl, type Kubectl, kubectlFor } from './kubectl-harness.ts';
import {
  append,
  FIRST_RUN,
  LAST_RUN,
  MAIN,
  MAIN_TIMES,
  PROXY_LOG,
  putInThreeStates,
  timeOf,
} from './kubectl-sample.ts';

const inZone = (ms: number): string =>
  new Date(Date.parse(timeOf(ms)) + 2 * 3_600_000).toISOString().replace(/\.\d+Z/, '+02:00');
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** Without Kubernetes: all that there is is the archive. */
describeKubectl('kubectl reads what is archived', () => {
  let reader: Reader;
  let kubectl: Kubectl;
  beforeAll(async () => {
    reader = await startSystemAndReader();
    kubectl = kubectlFor(reader.url);
    await putInThreeStates(reader.system);
  });
  afterAll(() => reader.system.close());

  describe.each(['raw', 'merged', 'mixed'])('of a log that is %s', (pod) => {
    const defaulted = `Defaulted container "${pod}" out of: ${pod}, proxy\n`;
    const stamped = MAIN.map((line, index) => `${MAIN_TIMES[index]!} ${line}`);
    const prefixed = (container: string, lines: readonly string[]) =>
      lines.map((line) => `[pod/${pod}/${container}] ${line}`);

    test('the container that is called like the pod, over its restarts', async () => {
      expect(await kubectl('logs', pod)).toEqual({ code: 0, stdout: text(MAIN), stderr: defaulted });
    });

    test.each([
      ['-c', ['-c', 'proxy'], PROXY_LOG],
      ['--previous', ['--previous'], FIRST_RUN],
      ['--timestamps', ['--timestamps'], stamped],
      ['--tail', ['--tail=2'], MAIN.slice(-2)],
      ['--tail of more than there is', ['--tail=100'], MAIN],
      ['--tail=0', ['--tail=0'], []],
      ['--since', ['--since=20m'], ['the end']],
      ['--since-time', [`--since-time=${timeOf(60_000).replace(/\.\d+/, '')}`], MAIN.slice(2)],
      ['--since-time in a zone', [`--since-time=${inZone(60_000)}`], MAIN.slice(2)],
      ['--since and --tail', ['--since=40m', '--tail=1', '--timestamps'], stamped.slice(-1)],
      ['--previous and --tail', ['--previous', '--tail=1'], FIRST_RUN.slice(-1)],
    ] as [string, string[], string[]][])('%s', async (_name, args, lines) => {
      const named = args[0] === '-c' ? [] : ['-c', pod];
      expect(await kubectl.text('logs', pod, ...named, ...args)).toBe(text(lines));
    });

    test('--limit-bytes cuts in the middle of a line, and of a character', async () => {
      const whole = Buffer.from(text(MAIN));
      const cut = whole.indexOf('ü') + 1;
      expect(await kubectl.text('logs', pod, '-c', pod, '--limit-bytes=7')).toBe('start\ni');
      const response = await reader.bytes(
        `/kube/api/v1/namespaces/jobs/pods/${pod}/log?container=${pod}&limitBytes=${cut}`,
      );
      expect(response.equals(whole.subarray(0, cut))).toBe(true);
      expect(await kubectl.text('logs', pod, '-c', pod, `--limit-bytes=${whole.length + 1}`)).toBe(whole.toString());
    });

    test('--all-containers --prefix', async () => {
      const lines = (await kubectl.text('logs', pod, '--all-containers', '--prefix')).split('\n').slice(0, -1);
      // kubectl takes containers in any order.
      const of = (container: string) => lines.filter((line) => line.startsWith(`[pod/${pod}/${container}] `));
      expect(of(pod)).toEqual(prefixed(pod, MAIN));
      expect(of('proxy')).toEqual(prefixed('proxy', PROXY_LOG));
      expect(lines).toHaveLength(MAIN.length + PROXY_LOG.length);
    });

    test('--previous of a container that was not restarted', async () => {
      expect(await kubectl('logs', pod, '-c', 'proxy', '--previous')).toEqual({
        code: 1,
        stdout: '',
        stderr: `Error from server (BadRequest): previous terminated container "proxy" in pod "${pod}" not found\n`,
      });
    });

    test('-f: what is there, and then what comes', async () => {
      const following = kubectl.start('logs', '-f', pod, '-c', pod, '--tail=2');
      try {
        expect(await following.lines(2)).toEqual(LAST_RUN.slice(-2));
        await append(reader.system, pod, 'came later');
        expect(await following.lines(3)).toEqual([...LAST_RUN.slice(-2), 'came later']);
      } finally {
        following.kill();
        await following.ended;
      }
    });

    test('get', async () => {
      const { status, spec } = await kubectl.pod(pod);
      expect(spec.containers.map(({ name }) => name)).toEqual([pod, 'proxy']);
      expect(status.phase).toBe('Unknown');
      expect(status.containerStatuses[0]).toMatchObject({ name: pod, ready: false, state: {} });
    });
  });

  test('get pods', async () => {
    expect(await kubectl.text('get', 'pods', '-o', 'name')).toBe(text(['pod/merged', 'pod/mixed', 'pod/raw']));
    const table = (await kubectl.text('get', 'pods', '-A', '-o', 'wide')).split('\n');
    expect(table[0]?.split(/\s{2,}/)).toEqual([
      ...['NAMESPACE', 'NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE'],
      ...['IP', 'NODE', 'NOMINATED NODE', 'READINESS GATES'],
    ]);
    expect(table[1]).toMatch(/^jobs {2,}merged +0\/2 +Unknown +1 \(\d+m ago\) +\d+m +<none> +<none> +<none> +<none>$/);
    expect(await kubectl.text('get', 'pods', 'raw', '--no-headers')).toMatch(
      /^raw +0\/2 +Unknown +1 \(\d+m ago\) +\d+m\n$/,
    );
  });

  test('get pods in chunks', async () => {
    expect(await kubectl.text('get', 'pods', '--chunk-size=1', '-o', 'name')).toBe(
      text(['pod/merged', 'pod/mixed', 'pod/raw']),
    );
  });

  test('by field, by label, and in another namespace', async () => {
    expect(await kubectl.text('get', 'pods', '-o', 'name', '--field-selector=metadata.name=mixed')).toBe('pod/mixed\n');
    expect(await kubectl.text('get', 'pods', '-A', '-o', 'name', '--field-selector=metadata.name!=mixed')).toBe(
      text(['pod/merged', 'pod/raw']),
    );
    expect(await kubectl.text('get', 'pods', '-o', 'name', '-l', 'cordwood.dev/archived')).toContain('pod/raw');
    expect(await kubectl('get', 'pods', '-l', 'app=train')).toMatchObject({ code: 0, stdout: '' });
    expect((await kubectl('get', 'pods', '-n', 'other')).stderr).toBe('No resources found in other namespace.\n');
    expect((await kubectl('get', 'pods', '-l', 'a in (')).stderr).not.toBe('');
    expect((await kubectl('get', 'pods', '--field-selector=spec.colour=red')).stderr).toContain(
      'field label not supported: spec.colour',
    );
  });

  test('logs of all that a selector gives', async () => {
    const { stdout } = await kubectl('logs', '-l', 'cordwood.dev/archived=true', '-c', 'proxy', '--prefix');
    expect(
      stdout
        .split('\n')
        .toSorted()
        .filter((line) => line !== ''),
    ).toEqual(
      ['merged', 'mixed', 'raw'].flatMap((pod) => PROXY_LOG.map((line) => `[pod/${pod}/proxy] ${line}`)).toSorted(),
    );
    const tooMany = await kubectl(
      'logs',
      '-f',
      '-l',
      'cordwood.dev/archived=true',
      '-c',
      'proxy',
      '--max-log-requests=2',
    );
    expect(tooMany).toMatchObject({ code: 1, stderr: expect.stringContaining('--max-log-requests') });
  });

  test('what there is not, in the words of kubectl', async () => {
    expect(await kubectl('logs', 'none')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: error from server (NotFound): pods "none" not found in namespace "jobs"\n',
    });
    expect((await kubectl('get', 'pod', 'none')).stderr).toBe('Error from server (NotFound): pods "none" not found\n');
    expect((await kubectl('logs', 'raw', '-n', 'other')).stderr).toContain('pods "raw" not found');
    expect((await kubectl('logs', 'raw', '-c', 'none')).stderr).toBe(
      'error: container none is not valid for pod raw\n',
    );
    expect((await kubectl('get', 'services')).stderr).toBe(
      `error: the server doesn't have a resource type "services"\n`,
    );
  });

  test('what is not offered', async () => {
    const watch = await kubectl('get', 'pods', '-w');
    expect(watch).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(MethodNotAllowed): pods cannot be watched here'),
    });
    const deletion = await kubectl('delete', 'pod', 'raw', '--wait=false');
    expect(deletion).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(MethodNotAllowed): DELETE is not allowed'),
    });
  });

  test('its version', async () => {
    expect(await kubectl.text('version')).toMatch(/^Server Version: v1\.32\.0\+cordwood\./m);
  });
});
