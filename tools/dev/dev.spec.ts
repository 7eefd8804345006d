import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { eventually } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

type Tool = ChildProcessByStdio<null, Readable, Readable>;
let dataDir: string;
const running = new Set<Tool>();
beforeEach(() => void (dataDir = mkdtempSync(join(tmpdir(), 'cordwood-dev-'))));
afterEach(() => {
  for (const tool of running) tool.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

/** Runs the tool with data of its own. What it starts carries a mark in its environment, by which it is found. */
function startTool(...args: string[]) {
  const { REDIS_URL: _shared, ...env } = process.env;
  const tool = spawn(
    process.execPath,
    [join(import.meta.dirname, 'main.ts'), '--data', dataDir, '--any-ports', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, COMPACTION_INTERVAL: '1s', CLEANUP_DELAY: '3s', SCAN_INTERVAL: '1s' },
    },
  );
  running.add(tool);
  // `close` and not `exit`: its last words are to be read first.
  const ended = once(tool, 'close').then(([code]) => {
    running.delete(tool);
    return code as number | null;
  });
  let output = '';
  tool.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  tool.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { tool, ended, output: () => output };
}

/** What starts may have to be built first, on any machine. */
const WAIT_MS = 150_000;

/** Process ids of all that this one has started, directly or not. */
function descendants(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map(
    all.flatMap((name) => {
      try {
        // The name in the second field may hold anything, parentheses too.
        const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
        return [[Number(name), Number(parent)]];
      } catch {
        return [];
      }
    }),
  );
  const found: number[] = [];
  for (const wave = [pid]; wave.length > 0;) {
    const current = wave.shift();
    const children = [...parents].flatMap(([child, parent]) => (parent === current ? [child] : []));
    found.push(...children);
    wave.push(...children);
  }
  return found;
}

function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      // Zombies have ended.
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  });
}

/** As the banner says it; where there is no kubectl, what it would ask for. */
async function followSampleJob(command: string): Promise<void> {
  const lines: string[] = [];
  const take = (chunk: Buffer) => lines.push(...(chunk.toString().match(/^run \w{4}, line \d+$/gm) ?? []));
  const enough = () =>
    eventually(
      () => `following: ${lines.join(' ')}`,
      () => lines.length >= 20,
      WAIT_MS,
    );
  if (spawnSync('kubectl', ['version', '--client']).error === undefined) {
    const home = join(dataDir, 'kubectl');
    const kubectl = spawn('kubectl', command.split(' '), {
      env: { PATH: process.env['PATH'], HOME: home, KUBECONFIG: join(home, 'none') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    kubectl.stdout.on('data', take);
    await enough().finally(() => kubectl.kill('SIGKILL'));
    await once(kubectl, 'close');
  } else {
    process.stderr.write('NOTICE: there is no kubectl on the PATH: fetch stands in for it.\n');
    const leaving = new AbortController();
    const [, server = ''] = /--server=(\S+)/.exec(command) ?? [];
    const path = '/api/v1/namespaces/default/pods/sample-job/log?follow=true';
    const { body } = await fetch(server + path, { signal: leaving.signal });
    const reading = (async () => {
      for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) take(Buffer.from(chunk));
    })().catch(() => undefined);
    await enough().finally(() => leaving.abort());
    await reading;
  }
  expect(lines[0]).toMatch(/, line 1$/);
}

test('logs are readable, merged and cleaned; a second one is told; Ctrl-C ends everything; data are kept', async () => {
  const { tool, ended, output } = startTool('--fresh', '--load', 'libs/testkit/fixtures/fluent-bit/short');
  const found = (pattern: RegExp) =>
    eventually(
      () => `${String(pattern)} in:\n${output()}`,
      () => pattern.exec(output())?.[1],
      WAIT_MS,
    );
  const api = await found(/the jobs +curl -s '([^']+)'/);
  const bucket = await found(/S3 +(http\S+)/);
  const dashboard = await found(/queue-dashboard +(http\S+)/);
  const pod = await found(/^ {2}(train-\w+)/m);
  expect(output()).toContain('Loaded jobs: job-short-0000');

  const log = () => fetch(`${api}/${pod}/log`).then((answer) => answer.text());
  await eventually('readable', async () => (await log()).startsWith('step 1 loss 3.0000\n'), WAIT_MS);
  const keys = async (prefix: string) => {
    const text = await (await fetch(`${bucket}/logs?list-type=2&prefix=${prefix}`)).text();
    return Array.from(text.matchAll(/<Key>([^<]+)/g), ([, key]) => key ?? '');
  };
  const [firstRaw = ''] = await eventually(
    'a raw file',
    async () => [await keys(`kube.var.log.containers.${pod}_`)].find((all) => all.length > 0),
    WAIT_MS,
  );
  await eventually('merged', async () => (await keys(`data/${pod}/`)).length > 0, WAIT_MS);
  await eventually(
    () => `cleaned:\n${output()}`,
    async () => !(await keys(`kube.var.log.containers.${pod}_`)).includes(firstRaw),
    WAIT_MS,
  );
  expect(await log()).toMatch(/^step 1 loss 3\.0000\nstep 2 /);
  expect(await (await fetch(dashboard)).text()).toContain('Cordwood queues');
  const job = `${dashboard}/api/queues?activeQueue=compaction&status=completed&page=1&jobsPerPage=50`;
  await eventually(
    'on the dashboard',
    async () => (await (await fetch(job)).text()).includes(`compact sample-jobs/${pod}: merged `),
    WAIT_MS,
  );
  await found(/(sample lines [1-9]\d* stored)/);
  await followSampleJob(await found(/kubectl (--server=\S+ logs -f sample-job)$/m));

  const second = startTool();
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain(`runs already with the data in ${dataDir}: process ${tool.pid}`);

  const pids = descendants(tool.pid ?? 0);
  expect(pids.length).toBeGreaterThanOrEqual(6);
  tool.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(alive(pids)).toEqual([]);
  expect(output()).toContain('Stopped.');

  const again = startTool('--no-samples');
  const apiAgain = await eventually(
    () => again.output(),
    () => /the jobs +curl -s '([^']+)'/.exec(again.output())?.[1],
    WAIT_MS,
  );
  expect(await (await fetch(`${apiAgain}/${pod}/log`)).text()).toMatch(/^step 1 loss 3\.0000\nstep 2 /);
  // And when it is killed, what it started goes with it.
  const left = descendants(again.tool.pid ?? 0);
  again.tool.kill('SIGKILL');
  await again.ended;
  await eventually(
    () => `gone: ${alive(left).join(' ')}`,
    () => alive(left).length === 0,
    WAIT_MS,
  );
}, 900_000);

test('nobody reads what it says any more (`npm start | head`): everything ends in order', async () => {
  const { tool, ended, output } = startTool('--no-samples');
  await eventually(output, () => output().includes('Starting …'), WAIT_MS);
  const pids = descendants(tool.pid ?? 0);
  expect(pids.length).toBeGreaterThanOrEqual(4);
  tool.stdout.destroy();
  tool.stderr.destroy();
  expect(await ended).toBe(1);
  expect(alive(pids)).toEqual([]);
}, 900_000);

test('wrong arguments: told, with the help', async () => {
  const { ended, output } = startTool('--frsh');
  expect(await ended).toBe(2);
  expect(output()).toContain("Unknown option '--frsh'");
  expect(output()).toContain('npm start -- [options]');
});
