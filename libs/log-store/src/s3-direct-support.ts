/** For the specs of what goes past the SDK: stores whose requests are counted, behind a proxy. */
import { StoreError } from './errors.ts';
import type { StoreRequest } from './s3-client.ts';
import { createS3ObjectStore, type S3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts';

/** As much of testkit's fault proxy as is used here; this file is no spec and may not import it. */
interface Proxy {
  readonly endpoint: string;
  readonly requests: readonly { readonly headers: Readonly<Record<string, unknown>> }[];
}

type Fault =
  | { readonly status: number; readonly code?: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly refuse: true }
  | { readonly dropAnswer: true };

/** Answers, or none, that the SDK has something to say about. */
export const FAULTS: readonly [string, Fault][] = [
  ['moved', { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } }],
  ['to be found elsewhere', { status: 307, code: 'TemporaryRedirect', headers: { location: 'http://127.0.0.1:9/' } }],
  ['another region', { status: 400, code: 'AuthorizationHeaderMalformed' }],
  ['an expired token', { status: 400, code: 'ExpiredToken' }],
  ['forbidden', { status: 403, code: 'AccessDenied' }],
  ['no such key', { status: 404, code: 'NoSuchKey' }],
  ['no such bucket', { status: 404, code: 'NoSuchBucket' }],
  ['not found, without a body', { status: 404 }],
  ['no answer in time', { status: 408, code: 'RequestTimeout' }],
  ['changed', { status: 412, code: 'PreconditionFailed' }],
  ['no such range', { status: 416, code: 'InvalidRange' }],
  ['too many', { status: 429, code: 'TooManyRequests' }],
  ['an error of the store', { status: 500, code: 'InternalError' }],
  ['not known', { status: 501, code: 'NotImplemented' }],
  ['slow down', { status: 503, code: 'SlowDown' }],
  ['an answer of a proxy', { status: 502 }],
  ['nothing', { status: 204 }],
  ['good, but without an ETag', { status: 200 }],
  ['reset', { refuse: true }],
  ['no answer', { dropAnswer: true }],
];

export const CREDENTIALS = { accessKeyId: 'cordwood', secretAccessKey: 'cordwoodsecret' };

export class SpecStores {
  /** Of the store that was opened last. */
  tries: StoreRequest[] = [];
  private readonly proxy: Proxy;
  private readonly stores: S3ObjectStore[] = [];

  constructor(proxy: Proxy) {
    this.proxy = proxy;
  }

  options(more: Partial<S3ObjectStoreOptions> = {}): S3ObjectStoreOptions {
    const tries: StoreRequest[] = [];
    this.tries = tries;
    return {
      endpoint: this.proxy.endpoint,
      bucket: 'logs',
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: CREDENTIALS,
      maxAttempts: 3,
      onRequest: (each) => tries.push(each),
      ...more,
    };
  }

  open(more: Partial<S3ObjectStoreOptions> = {}): S3ObjectStore {
    return this.keep(createS3ObjectStore(this.options(more)));
  }

  /** Closes it with the others. */
  keep(store: S3ObjectStore): S3ObjectStore {
    this.stores.push(store);
    return store;
  }

  close(): void {
    for (const store of this.stores.splice(0)) store.close();
  }

  /** What comes of a call, and the tries that it takes. */
  async outcomeOf(call: () => Promise<unknown>): Promise<unknown> {
    this.tries.length = 0;
    try {
      return { result: await call(), tries: this.statuses() };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const { name, message, code, status } = error;
      return { error: { name, message, code, status }, tries: this.statuses() };
    }
  }

  statuses(): string[] {
    return this.tries.map(({ operation, status }) => `${operation} ${(status ?? '-').toString()}`);
  }

  /** For each of the last requests, whether the SDK made it. */
  madeBySdk(count: number): boolean[] {
    return this.proxy.requests.slice(-count).map(({ headers }) => headers['amz-sdk-invocation-id'] !== undefined);
  }
}
