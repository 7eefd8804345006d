import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pLimit from 'p-limit';
import { NotFoundError, PreconditionFailedError } from './errors.ts';
import type { ListOptions, ObjectInfo, ObjectStore } from './object-store.ts';

export interface ConformanceTarget {
  readonly store: ObjectStore;
  /** Whether `deleteMany` keeps objects whose ETag is another one. */
  readonly deletesConditionally: boolean;
  /** Whether `deleteUnchanged` deletes anything. */
  readonly deletesUnchanged: boolean;
  close(): Promise<void>;
}

/** What every ObjectStore must do. Leaves nothing behind. */
export function describeObjectStore(name: string, open: () => Promise<ConformanceTarget>): void {
  describe(`${name} as an object store`, () => {
    const base = `conformance/${randomUUID()}/`;
    let target: ConformanceTarget;
    let store: ObjectStore;

    beforeAll(async () => {
      target = await open();
      store = target.store;
    });

    afterAll(async () => {
      const left = await listAll(store, { prefix: base });
      await store.deleteMany(left.map(({ key }) => ({ key })));
      await target.close();
    });

    const textOf = async (key: string) => text(await (await store.get(key)).bytes());

    test('what was put is told alike by get, head and list', async () => {
      const key = `${base}one`;
      const { etag } = await store.put(key, bytes('content'), {
        contentType: 'application/x-gzip',
        metadata: { records: '3', 'first-time': '2026-11-20T10:00:00Z' },
      });
      const body = await store.get(key);
      const metadata = { records: '3', 'first-time': '2026-11-20T10:00:00Z' };
      expect(etag).not.toMatch(/"/);
      expect(body).toMatchObject({ etag, size: 7, metadata });
      expect(text(await body.bytes())).toBe('content');
      const info = await store.head(key);
      expect(info).toEqual({ key, etag, size: 7, lastModified: body.lastModified, metadata });
      const [listed] = await listAll(store, { prefix: key });
      expect(listed).toMatchObject({ key, etag, size: 7 });
      expect(Math.abs((listed?.lastModified ?? 0) - info.lastModified)).toBeLessThan(1000);
    });

    test('an empty object', async () => {
      const key = `${base}empty`;
      await store.put(key, new Uint8Array());
      expect(await (await store.get(key)).bytes()).toHaveLength(0);
      expect(await (await store.get(key, { start: 0, end: 9 })).bytes()).toHaveLength(0);
      expect(await store.head(key)).toMatchObject({ size: 0 });
    });

    test('a large object arrives whole, in chunks', async () => {
      const key = `${base}large`;
      const content = Buffer.alloc(32 * 1024 * 1024 + 7, 'Cordwood. ');
      await store.put(key, content);
      const body = await store.get(key);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body.chunks) chunks.push(chunk);
      expect(chunks.length).toBeGreaterThan(1);
      expect(Buffer.concat(chunks).equals(content)).toBe(true);
    });

    test('what is not there is not found', async () => {
      const key = `${base}missing`;
      await expect(store.get(key)).rejects.toThrow(NotFoundError);
      await expect(store.head(key)).rejects.toThrow(NotFoundError);
      await expect(store.copy(key, `${base}copy-of-missing`)).rejects.toThrow(NotFoundError);
      await expect(store.copy(key, `${base}copy-of-missing`, { ifMatch: 'abc' })).rejects.toThrow(NotFoundError);
      const named = {
        operation: expect.stringMatching(/get/i),
        key: expect.stringMatching(`${key}$`),
        bucket: store.bucket,
      };
      await expect(store.get(key)).rejects.toMatchObject(named);
    });

    test.each([
      [{ start: 2 }, '23456789'],
      [{ end: 3 }, '0123'],
      [{ start: 2, end: 3 }, '23'],
      [{ start: 9 }, '9'],
      [{ start: 8, end: 100 }, '89'],
      [{ start: 10 }, ''],
      [{ start: 100, end: 200 }, ''],
    ])('range %j', async (range, expected) => {
      const key = `${base}range`;
      const { etag } = await store.put(key, bytes('0123456789'));
      const body = await store.get(key, { ...range, ifMatch: etag });
      expect(body).toMatchObject({ etag, size: expected.length });
      expect(text(await body.bytes())).toBe(expected);
    });

    test('a range that is none is a mistake of the caller', async () => {
      await expect(store.get(`${base}range`, { start: 5, end: 4 })).rejects.toThrow(RangeError);
    });

    test('reads of a version that is no more are refused', async () => {
      const key = `${base}read-if`;
      const { etag } = await store.put(key, bytes('first'));
      await store.put(key, bytes('second'));
      for (const range of [{}, { start: 1 }, { start: 100 }]) {
        await expect(store.get(key, { ...range, ifMatch: etag })).rejects.toThrow(PreconditionFailedError);
      }
    });

    test('creating only', async () => {
      const key = `${base}create`;
      await store.put(key, bytes('first'), { condition: { absent: true } });
      await expect(store.put(key, bytes('second'), { condition: { absent: true } })).rejects.toThrow(
        PreconditionFailedError,
      );
      expect(await textOf(key)).toBe('first');
    });

    test('replacing only what is unchanged', async () => {
      const key = `${base}replace`;
      const { etag } = await store.put(key, bytes('first'));
      await store.put(key, bytes('second'), { condition: { etag } });
      await expect(store.put(key, bytes('third'), { condition: { etag } })).rejects.toThrow(PreconditionFailedError);
      await expect(store.put(`${base}nothing`, bytes('x'), { condition: { etag } })).rejects.toThrow(
        PreconditionFailedError,
      );
      expect(await textOf(key)).toBe('second');
    });

    test.each(['create', 'replace'])('of 20 that %s at the same time one wins', async (kind) => {
      const key = `${base}race-${kind}`;
      const condition =
        kind === 'create' ? { absent: true as const } : { etag: (await store.put(key, bytes('before'))).etag };
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, writer) => store.put(key, bytes(`writer ${writer}`), { condition })),
      );
      const winners = outcomes.flatMap(({ status }, writer) => (status === 'fulfilled' ? [writer] : []));
      const losers = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(winners).toHaveLength(1);
      expect(await textOf(key)).toBe(`writer ${winners[0]}`);
      for (const { reason } of losers) expect(reason).toBeInstanceOf(PreconditionFailedError);
    });

    test('a listing goes by the bytes of the keys, in pages, whatever they are made of', async () => {
      const prefix = `${base}odd/`;
      const names = [
        'a b',
        'a+b',
        'a%41',
        'a&<>"\'',
        'a//b',
        'a/../b',
        "a!*'()~b",
        'a\u0001',
        'B',
        'Ä/€',
        '\ufb00',
        '😀',
        'z_1',
      ];
      for (const name of names) await store.put(prefix + name, bytes(name));
      const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const pageSize of [1, 5, 1000]) {
        expect(await keysOf(store, { prefix, pageSize })).toEqual(sorted.map((name) => prefix + name));
      }
      for (const name of names) {
        expect(await textOf(prefix + name)).toBe(name);
        const { etag } = await store.head(prefix + name);
        await store.copy(prefix + name, `${base}odd-copies/${name}`, { ifMatch: etag });
        expect(await textOf(`${base}odd-copies/${name}`)).toBe(name);
      }
      const all = [`${base}odd/`, `${base}odd-copies/`].flatMap((folder) => names.map((name) => folder + name));
      const { deleted, failed } = await store.deleteMany(all.map((key) => ({ key })));
      expect(failed).toEqual([]);
      expect(deleted.toSorted()).toEqual(all.toSorted());
      expect(await keysOf(store, { prefix: `${base}odd` })).toEqual([]);
    });

    test('delimiters and startAfter', async () => {
      const prefix = `${base}tree/`;
      for (const name of ['pod-a_ns_c/1', 'pod-a_ns_c/2', 'pod-a.b_ns_c/1', 'pod_ns_c/1', 'top']) {
        await store.put(prefix + name, bytes(name));
      }
      const shown = async (options: Omit<ListOptions, 'prefix'>) => {
        const found: string[] = [];
        for await (const page of store.list({ prefix, ...options })) {
          found.push(...page.prefixes, ...page.objects.map(({ key }) => key));
        }
        return found.map((key) => key.slice(prefix.length)).toSorted();
      };
      expect(await shown({ delimiter: '_' })).toEqual(['pod-a.b_', 'pod-a_', 'pod_', 'top']);
      expect(await shown({ delimiter: '_', pageSize: 1 })).toEqual(['pod-a.b_', 'pod-a_', 'pod_', 'top']);
      expect(await shown({ delimiter: '/' })).toEqual(['pod-a.b_ns_c/', 'pod-a_ns_c/', 'pod_ns_c/', 'top']);
      expect(await shown({ startAfter: `${prefix}pod-a_ns_c/1` })).toEqual(['pod-a_ns_c/2', 'pod_ns_c/1', 'top']);
      expect(await shown({ startAfter: `${prefix}pod-a_ns_c/2`, delimiter: '_' })).toEqual(['pod_', 'top']);
      expect(await shown({ startAfter: `${prefix}zzz` })).toEqual([]);
    });

    test('1,100 keys are listed in pages and deleted in batches', async () => {
      const prefix = `${base}many/`;
      const keys = Array.from({ length: 1100 }, (_, index) => `${prefix}${String(index).padStart(4, '0')}_`);
      const limit = pLimit(16);
      const targets = await Promise.all(
        keys.map((key) => limit(async () => ({ key, etag: (await store.put(key, bytes(key))).etag }))),
      );
      const sizes: number[] = [];
      for await (const page of store.list({ prefix })) sizes.push(page.objects.length);
      expect(sizes).toEqual([1000, 100]);
      const prefixes: string[] = [];
      for await (const page of store.list({ prefix, delimiter: '_' })) prefixes.push(...page.prefixes);
      expect(prefixes).toEqual(keys);

      const missing = `${prefix}never-there`;
      const { deleted, failed } = await store.deleteMany([...targets, { key: missing }]);
      expect(failed).toEqual([]);
      expect(new Set(deleted)).toEqual(new Set([...keys, missing]));
      expect(await keysOf(store, { prefix })).toEqual([]);
    });

    test('an object that was replaced is deleted only where conditions are not honoured', async () => {
      const [changed, same] = [`${base}changed`, `${base}same`];
      const { etag: old } = await store.put(changed, bytes('first'));
      await store.put(changed, bytes('second'));
      const { etag } = await store.put(same, bytes('same'));
      const result = await store.deleteMany([
        { key: changed, etag: old },
        { key: same, etag },
      ]);
      const left = await keysOf(store, { prefix: changed });
      expect(left).toEqual(target.deletesConditionally ? [changed] : []);
      expect(result.failed.map(({ key, code }) => [key, code])).toEqual(left.map((key) => [key, 'PreconditionFailed']));
      expect(result.deleted.toSorted()).toEqual([changed, same].filter((key) => !left.includes(key)));
    });

    test('an object that is deleted only while unchanged stays when it was replaced', async () => {
      const key = `${base}unchanged`;
      const { etag: old } = await store.put(key, bytes('first'));
      const { etag } = await store.put(key, bytes('second'));
      if (!target.deletesUnchanged) {
        expect(await store.deleteUnchanged(key, etag)).toBe(false);
        expect(await textOf(key)).toBe('second');
        return;
      }
      await expect(store.deleteUnchanged(key, old)).rejects.toThrow(PreconditionFailedError);
      expect(await textOf(key)).toBe('second');
      expect(await store.deleteUnchanged(key, etag)).toBe(true);
      expect(await keysOf(store, { prefix: key })).toEqual([]);
      const gone = store.deleteUnchanged(key, etag);
      expect(await gone.catch((error: unknown) => error instanceof PreconditionFailedError)).toBe(true);
    });

    test('nothing to delete needs no request', async () => {
      expect(await store.deleteMany([])).toEqual({ deleted: [], failed: [] });
    });

    test('a copy is of the version that was meant, with its metadata', async () => {
      const [from, to] = [`${base}source`, `${base}target`];
      const { etag: old } = await store.put(from, bytes('first'));
      const { etag } = await store.put(from, bytes('second'), { metadata: { kind: 'copied' } });
      await store.copy(from, to, { ifMatch: etag });
      expect(await textOf(to)).toBe('second');
      expect(await store.head(to)).toMatchObject({ metadata: { kind: 'copied' } });
      await expect(store.copy(from, to, { ifMatch: old })).rejects.toThrow(PreconditionFailedError);
    });

    test('a body that is taken as one array tells how much of it is there', async () => {
      const content = Buffer.alloc(300_000, 'content');
      const key = `${base}filled`;
      await store.put(key, content);
      const target = Buffer.alloc(content.length + 10);
      const filled: number[] = [0];
      const whole = await (
        await store.get(key)
      ).bytes(target, (size) => {
        expect(target.subarray(0, size).equals(content.subarray(0, size))).toBe(true);
        filled.push(size);
      });
      expect(whole.buffer).toBe(target.buffer);
      expect(filled.toSorted((a, b) => a - b)).toEqual(filled);
      expect(filled.at(-1)).toBe(content.length);
    });

    test('a body is read once; one that was abandoned keeps nothing busy', async () => {
      const key = `${base}large`;
      const body = await store.get(key);
      await body.bytes();
      await expect(body.bytes()).rejects.toThrow(/already read/);
      for (let time = 0; time < 5; time++) {
        for await (const chunk of (await store.get(key)).chunks) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      }
    });

    test('an abort ends a call and a body with its reason', async () => {
      const reason = new Error('enough');
      await expect(store.get(`${base}large`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await expect(store.put(`${base}aborted`, bytes('x'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const abort = new AbortController();
      const body = await store.get(`${base}large`, { signal: abort.signal });
      const read = async () => {
        for await (const chunk of body.chunks) {
          if (chunk.length > 0) abort.abort(reason);
        }
      };
      await expect(read()).rejects.toBe(reason);
    });

    test("now() is the store's time", async () => {
      const key = `${base}clock`;
      await store.put(key, bytes('tick'));
      const [object] = await listAll(store, { prefix: key });
      expect(Math.abs(store.now() - (object?.lastModified ?? 0))).toBeLessThan(3000);
      const first = store.now();
      expect(store.now()).toBeGreaterThanOrEqual(first);
    });
  });
}

async function listAll(store: ObjectStore, options: ListOptions): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const page of store.list(options)) objects.push(...page.objects);
  return objects;
}

async function keysOf(store: ObjectStore, options: ListOptions): Promise<string[]> {
  return (await listAll(store, options)).map(({ key }) => key);
}

function bytes(content: string): Uint8Array {
  return Buffer.from(content);
}

function text(content: Uint8Array): string {
  return Buffer.from(content).toString();
}
