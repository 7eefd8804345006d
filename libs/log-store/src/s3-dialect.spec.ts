import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { AccessDeniedError, PreconditionFailedError, StoreError } from './errors.ts';
import { commitsSafely, probeDialect, type ProbedStore, type StoreDialect } from './s3-dialect.ts';

const details = { operation: 'PutObject', bucket: 'logs' };
const refusal = new PreconditionFailedError('412', details);

/** Ways in which real stores differ. */
interface Ways {
  readonly ignores?: readonly ('ifMatch' | 'ifNoneMatch' | 'copy' | 'delete' | 'batch')[];
  /** Carries out no put that has a condition. */
  readonly refuses?: Error;
  readonly quotesCount?: boolean;
  /** Checks the condition, and writes a little later. */
  readonly slowly?: boolean;
}

class FakeStore implements ProbedStore {
  readonly objects = new Map<string, string>();
  readonly touched = new Set<string>();
  readonly #ways: Ways;

  constructor(ways: Ways = {}) {
    this.#ways = ways;
  }

  async put(key: string, body: Uint8Array, headers: { ifMatch?: string; ifNoneMatch?: string } = {}) {
    this.touched.add(key);
    if (this.#ways.refuses !== undefined && Object.keys(headers).length > 0) throw this.#ways.refuses;
    if (headers.ifNoneMatch === '*' && this.objects.has(key) && this.#honours('ifNoneMatch')) throw refusal;
    if (headers.ifMatch !== undefined && this.#honours('ifMatch')) this.#check(key, headers.ifMatch);
    if (this.#ways.slowly === true) await delay(5);
    const etag = createHash('md5').update(body).digest('hex');
    this.objects.set(key, etag);
    return { etag };
  }
  async copy(from: string, to: string, ifMatch: string) {
    if (this.#honours('copy')) this.#check(from, ifMatch);
    this.objects.set(to, this.objects.get(from) ?? '');
  }
  async etagOf(key: string) {
    return this.objects.get(key);
  }
  async delete(key: string, ifMatch?: string) {
    if (ifMatch !== undefined && this.#honours('delete')) this.#check(key, ifMatch);
    this.objects.delete(key);
  }
  async deleteBatch(targets: readonly { key: string; etag?: string }[]) {
    for (const { key, etag } of targets) {
      if (etag === undefined || !this.#honours('batch') || this.#matches(key, etag)) this.objects.delete(key);
    }
  }

  #honours(what: NonNullable<Ways['ignores']>[number]): boolean {
    return this.#ways.ignores?.includes(what) !== true;
  }
  #check(key: string, given: string): void {
    if (!this.#matches(key, given)) throw refusal;
  }
  #matches(key: string, given: string): boolean {
    const wanted = this.#ways.quotesCount === true ? given : given.replaceAll('"', '');
    return this.objects.get(key) === wanted;
  }
}

const ALL: StoreDialect = {
  conditionalCreate: 'honoured',
  conditionalReplace: 'honoured',
  etagForm: 'quoted',
  conditionalCopy: true,
  conditionalDelete: true,
  conditionalBatchDelete: true,
};

const REFUSED = { conditionalCreate: 'refused', conditionalReplace: 'refused' } as const;

test.each<[string, Ways, Partial<StoreDialect>]>([
  ['by the book', {}, {}],
  [
    'old Ceph',
    { quotesCount: true, ignores: ['copy', 'delete', 'batch'] },
    { etagForm: 'unquoted', conditionalCopy: false, conditionalDelete: false, conditionalBatchDelete: false },
  ],
  ['no If-Match', { ignores: ['ifMatch'] }, { conditionalReplace: 'unreliable' }],
  ['no If-None-Match', { ignores: ['ifNoneMatch'] }, { conditionalCreate: 'unreliable' }],
  ['no batch conditions', { ignores: ['batch'] }, { conditionalBatchDelete: false }],
  [
    'checks first, writes later',
    { slowly: true },
    { conditionalCreate: 'unreliable', conditionalReplace: 'unreliable' },
  ],
  ['501 to every condition', { refuses: new StoreError('501 NotImplemented', details) }, REFUSED],
  ['409 to every condition', { refuses: new PreconditionFailedError('409 Conflict', details) }, REFUSED],
])('%s', async (_, ways, differs) => {
  const store = new FakeStore(ways);
  const dialect = await probeDialect(store, 'team/');
  expect(dialect).toEqual({ ...ALL, ...differs });
  const isBad = ['conditionalCreate', 'conditionalReplace'].some((name) => name in differs);
  expect(commitsSafely(dialect)).toBe(!isBad);
  expect(store.objects.size).toBe(0);
  for (const key of store.touched) expect(key).toMatch(/^team\/\.cordwood\/probe\/[0-9a-f-]{36}\//);
});

test('a condition that is refused as unknown is not honoured', async () => {
  const store = new FakeStore();
  store.copy = () => Promise.reject(new StoreError('501 NotImplemented', details));
  store.delete = () => Promise.reject(new StoreError('501 NotImplemented', details));
  expect(await probeDialect(store)).toEqual({ ...ALL, conditionalCopy: false, conditionalDelete: false });
  expect(store.objects.size).toBe(0);
});

test('without rights nothing is found out, and what was written is taken away', async () => {
  const store = new FakeStore();
  store.delete = () => Promise.reject(new AccessDeniedError('403', details));
  await expect(probeDialect(store)).rejects.toThrow(AccessDeniedError);
  expect(store.objects.size).toBe(0);
});

test('answers that were lost do not make a store one that refuses', async () => {
  const store = new FakeStore();
  const put = store.put.bind(store);
  // As when a put is carried out, its answer lost, and its repetition refused.
  store.put = async (key, body, headers) => {
    const done = await put(key, body, headers);
    if (headers !== undefined) throw refusal;
    return done;
  };
  const unreliable = { conditionalCreate: 'unreliable', conditionalReplace: 'unreliable' };
  expect(await probeDialect(store)).toMatchObject(unreliable);
});

test('a race that fails half-way leaves nobody behind to write later', async () => {
  const store = new FakeStore({ slowly: true });
  const put = store.put.bind(store);
  let calls = 0;
  store.put = (...args) => (calls++ === 0 ? Promise.reject(new AccessDeniedError('403', details)) : put(...args));
  await expect(probeDialect(store)).rejects.toThrow(AccessDeniedError);
  await delay(20);
  expect(store.objects.size).toBe(0);
});
