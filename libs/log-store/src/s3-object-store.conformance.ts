import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  AccessDeniedError,
  NoSuchBucketError,
  PreconditionFailedError,
  StoreError,
  StoreUnavailableError,
} from './errors.ts';
import { describeObjectStore } from './object-store.conformance.ts';
import { PrefixedObjectStore } from './prefixed-object-store.ts';
import type { StoreRequest } from './s3-client.ts';
import { createS3ObjectStore, type S3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts';

/** As much of testkit's fault proxy as is used here; this file is no spec and may not import it. */
interface Proxy {
  readonly endpoint: string;
  add(rule: {
    match?: (request: { readonly method: string; readonly url: string }) => boolean;
    times?: number;
    skip?: number;
    fault:
      | { status: number; code?: string }
      | { refuse: true }
      | { dropAnswer: true }
      | { resetAfter: number; orderly?: boolean }
      | { stallAfter: number }
      | { before: () => Promise<void> };
  }): void;
  clear(): void;
  stop(): Promise<void>;
}

export interface S3Target {
  readonly options: S3ObjectStoreOptions & { readonly endpoint: string };
  /** Whether a wrong secret is refused. */
  readonly checksSecrets: boolean;
  startProxy(endpoint: string): Promise<Proxy>;
  close(): Promise<void>;
}

/** After how many milliseconds a store gives up on silence, where a test wants that: a busy machine may be mute for a second. */
const IMPATIENCE = 3000;

/** The conformance of S3ObjectStore with a server: alone, below a prefix, and over a network that fails. */
export function describeS3(name: string, open: () => Promise<S3Target>): void {
  const openStore = async (wrap: (store: S3ObjectStore) => S3ObjectStore | PrefixedObjectStore) => {
    const target = await open();
    const store = createS3ObjectStore(target.options);
    const dialect = await store.probe();
    return {
      store: wrap(store),
      deletesConditionally: dialect.conditionalBatchDelete,
      deletesUnchanged: dialect.conditionalDelete,
      close: async () => {
        store.close();
        await target.close();
      },
    };
  };
  describeObjectStore(name, () => openStore((store) => store));
  describeObjectStore(`${name}, below a prefix,`, () =>
    openStore((store) => new PrefixedObjectStore(store, `conformance/${randomUUID()}_x`)),
  );

  describe(`${name} over a failing network`, () => {
    const base = `conformance/${randomUUID()}/`;
    const content = Buffer.alloc(1024 * 1024, 'A log line of some length.\n');
    let target: S3Target;
    let proxy: Proxy;
    let store: S3ObjectStore;
    const requests: StoreRequest[] = [];
    const keys: string[] = [];

    const key = (): string => {
      const name = `${base}${keys.length}`;
      keys.push(name);
      return name;
    };
    const isGet = ({ method }: { readonly method: string }) => method === 'GET';
    const isPut = ({ method }: { readonly method: string }) => method === 'PUT';

    beforeAll(async () => {
      target = await open();
      proxy = await target.startProxy(target.options.endpoint);
      store = createS3ObjectStore({
        ...target.options,
        endpoint: proxy.endpoint,
        maxAttempts: 3,
        onRequest: (request) => requests.push(request),
      });
      await store.probe();
    });
    beforeEach(() => {
      proxy.clear();
      requests.length = 0;
    });
    afterAll(async () => {
      proxy.clear();
      await store.deleteMany(keys.map((each) => ({ key: each })));
      store.close();
      await proxy.stop();
      await target.close();
    });

    const statuses = () => requests.map(({ operation, status }) => `${operation} ${status ?? '-'}`);

    test.each([
      ['reset', { resetAfter: 300_000 }],
      ['closed as if complete', { resetAfter: 300_000, orderly: true }],
    ])('a body whose connection is %s goes on where it broke off', async (_, fault) => {
      const name = key();
      const { etag } = await store.put(name, content);
      proxy.add({ match: isGet, times: 2, fault });
      const body = await store.get(name, { ifMatch: etag });
      expect(Buffer.from(await body.bytes()).equals(content)).toBe(true);
      expect(statuses()).toEqual(['PutObject 200', 'GetObject 200', 'GetObject 206', 'GetObject 206']);
    });

    test('a body whose connection falls silent goes on where it broke off', async () => {
      const name = key();
      await store.put(name, content);
      proxy.add({ match: isGet, fault: { stallAfter: 300_000 } });
      const impatient = createS3ObjectStore({
        ...target.options,
        endpoint: proxy.endpoint,
        idleTimeout: IMPATIENCE,
        onRequest: (request) => requests.push(request),
      });
      const body = await impatient.get(name);
      expect(Buffer.from(await body.bytes()).equals(content)).toBe(true);
      expect(statuses()).toContain('GetObject 206');
      impatient.close();
    });

    test('a range goes on where it broke off', async () => {
      const name = key();
      await store.put(name, content);
      proxy.add({ match: isGet, fault: { resetAfter: 1000 } });
      const body = await store.get(name, { start: 500_000, end: 600_000 });
      expect(Buffer.from(await body.bytes()).equals(content.subarray(500_000, 600_001))).toBe(true);
    });

    test('a body that cannot be completed fails loudly', async () => {
      const name = key();
      await store.put(name, content);
      proxy.add({ match: isGet, fault: { resetAfter: 300_000 } });
      proxy.add({ match: isGet, times: Infinity, fault: { resetAfter: 0 } });
      const body = await store.get(name);
      await expect(body.bytes()).rejects.toThrow(StoreUnavailableError);
    });

    test('a body whose object is replaced half-way is not patched together', async () => {
      const name = key();
      await store.put(name, content);
      proxy.add({ match: isGet, fault: { resetAfter: 300_000 } });
      const body = await store.get(name);
      await store.put(name, Buffer.alloc(content.length, 'other'));
      await expect(body.bytes()).rejects.toThrow(PreconditionFailedError);
    });

    test('a few failures are tried again, and every try is counted', async () => {
      const name = key();
      proxy.add({ match: isPut, times: 1, fault: { status: 503, code: 'SlowDown' } });
      proxy.add({ match: isPut, times: 1, fault: { refuse: true } });
      await store.put(name, content);
      expect(statuses()).toEqual(['PutObject 503', 'PutObject -', 'PutObject 200']);
      expect(requests.every(({ seconds }) => seconds >= 0 && seconds < 60)).toBe(true);
    });

    test('a failure that stays makes the store unavailable', async () => {
      proxy.add({ times: Infinity, fault: { status: 503, code: 'ServiceUnavailable' } });
      await expect(store.head(`${base}any`)).rejects.toThrow(StoreUnavailableError);
      await expect(store.put(`${base}any`, content, { condition: { absent: true } })).rejects.toThrow(
        StoreUnavailableError,
      );
    });

    test('a put whose answer was lost is made again', async () => {
      const name = key();
      proxy.add({ match: isPut, fault: { dropAnswer: true } });
      await store.put(name, content);
      expect(await store.head(name)).toMatchObject({ size: content.length });
    });

    test('a conditional put whose answer was lost meets its own success', async () => {
      const name = key();
      proxy.add({ match: isPut, fault: { dropAnswer: true } });
      const put = store.put(name, content, { condition: { absent: true } });
      await expect(put).rejects.toThrow(PreconditionFailedError);
      expect(await store.head(name)).toMatchObject({ size: content.length });
    });

    test('racing conditional puts that are answered with 500 are lost races', async () => {
      proxy.add({ match: isPut, times: Infinity, fault: { status: 500, code: 'InternalError' } });
      const put = store.put(`${base}any`, content, { condition: { etag: 'abc' } });
      await expect(put).rejects.toThrow(PreconditionFailedError);
      await expect(store.put(`${base}any`, content)).rejects.toThrow(StoreUnavailableError);
    });

    test('bodies that nobody reads do not block others for ever', async () => {
      const name = key();
      await store.put(name, content);
      const narrow = createS3ObjectStore({ ...target.options, maxSockets: 2, idleTimeout: IMPATIENCE });
      const idle = [await narrow.get(name), await narrow.get(name)];
      expect(Buffer.from(await (await narrow.get(name)).bytes()).equals(content)).toBe(true);
      // And those who slept can still go on.
      for (const body of idle) expect(Buffer.from(await body.bytes()).equals(content)).toBe(true);
      narrow.close();
    });

    test('errors say what to do', async () => {
      const nowhere = createS3ObjectStore({ ...target.options, endpoint: 'http://127.0.0.1:9', maxAttempts: 1 });
      await expect(nowhere.get('any')).rejects.toThrow(StoreUnavailableError);
      expect(() => nowhere.now()).toThrow(StoreError);

      const noBucket = createS3ObjectStore({ ...target.options, bucket: `no-such-bucket-${randomUUID()}` });
      await expect(noBucket.get('any')).rejects.toThrow(NoSuchBucketError);
      await expect(noBucket.put('any', content)).rejects.toThrow(NoSuchBucketError);
      await expect(noBucket.put('any', content, { condition: { absent: true } })).rejects.toThrow(NoSuchBucketError);
      await expect(noBucket.list({ prefix: '' })[Symbol.asyncIterator]().next()).rejects.toThrow(NoSuchBucketError);
      await expect(noBucket.deleteMany([{ key: 'any' }])).rejects.toThrow(NoSuchBucketError);

      const stranger = createS3ObjectStore({
        ...target.options,
        credentials: { accessKeyId: 'stranger', secretAccessKey: 'guessed' },
      });
      await expect(stranger.get('any')).rejects.toThrow(AccessDeniedError);
      await expect(stranger.probe()).rejects.toThrow(AccessDeniedError);
      for (const each of [nowhere, noBucket, stranger]) each.close();
    });

    test('a wrong secret is refused where the store checks it', async () => {
      const { credentials } = target.options;
      const wrong = createS3ObjectStore({
        ...target.options,
        credentials: { accessKeyId: credentials?.accessKeyId ?? '', secretAccessKey: 'wrong' },
      });
      const outcome = await wrong.head(`${base}missing`).catch((error: unknown) => error);
      expect(outcome instanceof AccessDeniedError).toBe(target.checksSecrets);
      wrong.close();
    });
  });
}
