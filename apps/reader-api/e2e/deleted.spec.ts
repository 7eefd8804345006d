import { createHash } from 'node:crypto';
import { putRaw } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, logPath, putMerged, type Reader, startSystemAndReader } from './harness.ts';

/** Logs that were deleted, and what a client learns of them. */

let reader: Reader;
beforeAll(async () => void (reader = await startSystemAndReader()));
afterAll(() => reader.system.close());

/** As `putRaw` makes it. */
const rawContainerId = (pod: string, container = pod): string =>
  createHash('sha256').update(`${pod} ${container}`).digest('hex');

interface Deleted {
  readonly namespace?: string;
  readonly container: string;
  readonly containerId: string;
  readonly until?: string;
  readonly reason?: string;
}

const UNTIL = '2026-11-20T10:05:00.000000+00:00';

const tombstone = ({ namespace = 'jobs', container, containerId, until = UNTIL, reason = 'retention' }: Deleted) => ({
  namespace,
  container,
  container_id: containerId,
  until,
  deleted_at: '2026-12-20T10:05:00.000000+00:00',
  reason,
});

/** Adds tombstones to the pod's metadata. */
async function bury(pod: string, ...deleted: readonly Deleted[]): Promise<void> {
  const key = `metadata/${pod}.json`;
  const { store } = reader.system;
  const before = (await reader.system.keys(key)).includes(key)
    ? (JSON.parse(Buffer.from(await (await store.get(key)).bytes()).toString()) as object)
    : { version: 2, commit_id: 'test', log_files: [] };
  await store.put(key, Buffer.from(JSON.stringify({ ...before, deleted: deleted.map(tombstone) })));
}

const headersOf = async (path: string): Promise<Headers> => {
  const response = await reader.get(path);
  await response.text();
  expect(response.status).toBe(200);
  return response.headers;
};

describe('a job of which nothing is left', () => {
  test.each([
    ['retention', 'log_expired', 'older than is kept'],
    ['request', 'log_deleted', 'deleted on request'],
  ])('by %s: 404 %s', async (reason, code, message) => {
    const pod = `gone-${reason}`;
    await bury(pod, { container: pod, containerId: 'c1', reason });
    for (const parameters of [{}, { namespace: 'jobs' }, { container: pod }, { container: '*' }]) {
      const error = await errorOf(await reader.get(logPath(pod, parameters)));
      expect(error).toMatchObject({ status: 404, code });
      expect(error.message).toContain(message);
      expect(error.message).toContain(UNTIL);
    }
    expect((await reader.get(logPath(pod), { method: 'HEAD' })).status).toBe(404);
    // Of another namespace nothing is known.
    expect(await errorOf(await reader.get(logPath(pod, { namespace: 'other' })))).toMatchObject({
      code: 'namespace_not_found',
    });
  });

  test('late files of it do not bring a part of it back', async () => {
    await bury('late', { container: 'late', containerId: rawContainerId('late') });
    await putRaw(reader.system.store, { pod: 'late', index: 3, messages: ['deleted'] });
    expect(await errorOf(await reader.get(logPath('late')))).toMatchObject({ status: 404, code: 'log_expired' });
  });

  test('its details tell what was deleted', async () => {
    await bury('told', { container: 'told', containerId: 'c1' });
    const expected = { name: 'told', namespaces: [], deleted: [tombstone({ container: 'told', containerId: 'c1' })] };
    for (const query of ['', '?namespace=jobs']) {
      expect(JSON.parse(await reader.text(`/api/v1/jobs/told${query}`))).toMatchObject(expected);
    }
    expect(await errorOf(await reader.get('/api/v1/jobs/told?namespace=other'))).toMatchObject({
      code: 'namespace_not_found',
    });
  });
});

describe('a job of which something is left', () => {
  test('newer records of the same run: the text says up to when records are gone', async () => {
    const pod = 'half';
    await bury(pod, { container: pod, containerId: rawContainerId(pod) });
    await putRaw(reader.system.store, { pod, index: 4, messages: ['deleted'] });
    await putRaw(reader.system.store, { pod, index: 6, messages: ['kept'] });
    expect(await reader.text(logPath(pod))).toBe('kept\n');
    expect((await headersOf(logPath(pod))).get('x-log-deleted-until')).toBe(UNTIL);
  });

  test('a newer run, and another namespace', async () => {
    const pod = 'stateful-0';
    await putMerged(reader.system, { pod, files: [['new run']] });
    const later = '2026-11-20T10:06:00.000000+00:00';
    await bury(
      pod,
      { container: pod, containerId: 'old' },
      { container: 'sidecar', containerId: 'old2', until: later },
      { namespace: 'other', container: pod, containerId: 'x' },
    );
    expect(await reader.text(logPath(pod))).toBe('new run\n');
    expect((await headersOf(logPath(pod))).get('x-log-deleted-until')).toBe(later);
    expect((await headersOf(logPath(pod, { container: pod }))).get('x-log-deleted-until')).toBe(UNTIL);
    expect(await errorOf(await reader.get(logPath(pod, { container: 'sidecar' })))).toMatchObject({
      code: 'log_expired',
    });
    expect(await errorOf(await reader.get(logPath(pod, { container: 'never' })))).toMatchObject({
      code: 'container_not_found',
    });
    expect(await errorOf(await reader.get(logPath(pod, { namespace: 'other' })))).toMatchObject({
      code: 'log_expired',
    });
    const details = JSON.parse(await reader.text(`/api/v1/jobs/${pod}?namespace=jobs`)) as { deleted: unknown[] };
    expect(details.deleted).toHaveLength(2);
  });

  test('nothing is said where nothing was deleted', async () => {
    await putMerged(reader.system, { pod: 'whole', files: [['all']] });
    expect((await headersOf(logPath('whole'))).get('x-log-deleted-until')).toBeNull();
  });
});
