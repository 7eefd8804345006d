import { randomUUID } from 'node:crypto';
import { createS3ObjectStore, type ObjectStore, PrefixedObjectStore, type S3ObjectStore } from '@cordwood/log-store';
import { startEmbeddedS3 } from './embedded-s3.ts';

/** A place of its own in a real S3 endpoint. */
export interface TestStore {
  readonly store: ObjectStore;
  /** Empties the place, and ends the endpoint if it was started for it. */
  close(): Promise<void>;
}

/**
 * A store for a test, over HTTP: the embedded S3, or with `CORDWOOD_TEST_S3=environment` the server that the `AWS_*` variables name
 * (tools/test-ceph.ts), below a prefix that nobody else uses.
 */
export async function openTestStore(): Promise<TestStore> {
  const external = process.env['CORDWOOD_TEST_S3'] === 'environment';
  const s3 = external ? undefined : await startEmbeddedS3();
  const env: Record<string, string | undefined> = s3 === undefined ? process.env : { ...s3.env };
  const inner: S3ObjectStore = createS3ObjectStore({
    bucket: env['LOGS_BUCKET'] ?? 'logs',
    endpoint: env['AWS_ENDPOINT_URL_S3'] ?? '',
    region: env['AWS_REGION'] ?? 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '' },
  });
  const store = new PrefixedObjectStore(inner, `test-${randomUUID()}`);
  await inner.probe(store.prefix);
  return {
    store,
    close: async () => {
      if (s3 === undefined) {
        for await (const page of store.list({ prefix: '' }))
          await store.deleteMany(page.objects.map(({ key }) => ({ key })));
      } else await s3.stop();
    },
  };
}
