import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { compactPod, putRaw, referenceBucket, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ROOT } from './named-metrics.ts';
import { allows, objectArn, policyOf, type Right, startPolicyProxy, unneeded } from './policies.ts';

let system: TestSystem;
beforeAll(async () => {
  // Waits as they are by default: what the doctor repairs is what is overdue by them.
  system = await startTestSystem({ env: { CLEANUP_DELAY: '15m', ORPHAN_AGE: '6h' } });
});
afterAll(() => system.close());

/** `cordwood doctor` with the rights of a policy in docs/runbook.md, and what it made use of and was refused. */
async function doctorWithin(name: string, ...args: string[]) {
  const refused: string[] = [];
  const used: Right[] = [];
  const proxy = await startPolicyProxy({
    endpoint: system.env['AWS_ENDPOINT_URL_S3'] ?? '',
    prefix: system.env['BUCKET_PREFIX'] ?? '',
    policy: await policyOf(name),
    onUsed: (right) => used.push(right),
    onRefused: (right) => refused.push(right),
  });
  try {
    const doctor = spawn(process.execPath, [join(ROOT, 'apps/cordwood/src/main.ts'), 'doctor', ...args], {
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...system.env, AWS_ENDPOINT_URL_S3: proxy.endpoint },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err, [code]] = await Promise.all([text(doctor.stdout), text(doctor.stderr), once(doctor, 'exit')]);
    return { out, err, code: code as number | null, refused, used };
  } finally {
    await proxy.stop();
  }
}

interface Metadata {
  readonly merged_raw: readonly object[];
}

async function changeMetadata(pod: string, change: (metadata: Metadata) => object): Promise<void> {
  const key = `metadata/${pod}.json`;
  const body = Buffer.from(await (await system.store.get(key)).bytes()).toString();
  const metadata = JSON.parse(body) as Metadata;
  await system.store.put(key, Buffer.from(JSON.stringify({ ...metadata, ...change(metadata) })));
}

const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString();
const HOUR = 3_600_000;

/** A bucket in which there is something of each kind that the doctor reads, writes or deletes. */
async function spoilBucket(): Promise<void> {
  const { store } = system;
  for (const { key, body } of referenceBucket('03-compacted-fresh').objects) await store.put(key, body);
  for (const pod of ['unreadable', 'lost', 'shortened', 'gone', 'left-over', 'set-aside']) {
    await putRaw(store, { pod, index: 0, messages: ['one', 'two'] });
    await compactPod(store, pod, { cleanupDelay: HOUR });
  }
  await store.put('metadata/unreadable.json', Buffer.from('{'));
  const rawOfLost = await system.keys('kube.var.log.containers.lost_');
  const gone = ['metadata/lost.json', ...rawOfLost, ...(await filesOf('gone'))];
  await store.deleteMany(gone.map((key) => ({ key })));
  const [cut = ''] = await filesOf('shortened');
  await store.put(cut, gzipSync('{"time":"2026-11-20T10:00:00Z","log":"one"}\n'));
  const leftOver = ['data/left-over/x', 'logs/left-over/x', 'damaged/left-over'];
  for (const key of [...leftOver, 'damaged/set-aside']) await store.put(key, Buffer.from('x'));
  await changeMetadata('left-over', ({ merged_raw }) => ({
    merged_raw: merged_raw.map((entry) => ({ ...entry, merged_at: YESTERDAY })),
    superseded: leftOver.map((key) => ({ key, since: YESTERDAY })),
  }));
  await changeMetadata('set-aside', () => ({
    damaged: [{ key: 'kube.x', etag: '"1"', reason: 'cut short', kept_as: 'damaged/set-aside' }],
  }));
}

const filesOf = (pod: string): Promise<string[]> => system.keys(`data/${pod}/`);

test('the policies of the doctor are what it takes to look, and to repair, and no more', async () => {
  await spoilBucket();
  const before = await system.keys('');

  const looked = await doctorWithin('doctor', '--deep');
  expect([looked.refused, looked.err, looked.code]).toEqual([[], '', 1]);
  for (const what of ['metadata unreadable', 'metadata lost', 'file missing', 'set aside', 'raw files left'])
    expect(looked.out).toContain(`(${what})`);
  expect(await system.keys('')).toEqual(before);
  expect(unneeded(await policyOf('doctor'), looked.used)).toEqual([]);

  const repaired = await doctorWithin('doctor-repair', '--deep', '--repair', '--drop-missing', '--accept-damage');
  expect([repaired.refused, repaired.err]).toEqual([[], '']);
  expect(await system.keys('damaged-metadata/unreadable/')).toHaveLength(1);
  expect((await system.keys('damaged/')).some((key) => key.includes('/data/shortened/'))).toBe(true);
  // What was deleted in batches, of which the proxy sees no keys.
  const after = new Set(await system.keys(''));
  const deleted = before.filter((key) => !after.has(key));
  expect(deleted).toEqual(expect.arrayContaining(['data/left-over/x', 'logs/left-over/x', 'damaged/left-over']));
  expect(deleted.some((key) => key.startsWith('kube.var.log.containers.left-over_'))).toBe(true);
  const policy = await policyOf('doctor-repair');
  for (const key of deleted) expect([key, allows(policy, 's3:DeleteObject', objectArn(key))]).toEqual([key, true]);
  const deletions = deleted.map((key): Right => ['s3:DeleteObject', objectArn(key)]);
  expect(unneeded(policy, [...repaired.used, ...deletions])).toEqual([]);

  expect((await doctorWithin('doctor', '--deep')).out).not.toMatch(/^problem/m);
});
