import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createS3ObjectStore, type ObjectStore } from '@cordwood/log-store';
import type { RawObject } from './corpus.ts';

/** The S3 endpoint that is measured against, and the environment that leads processes to it. */
export interface BenchS3 {
  readonly env: Record<string, string>;
  readonly store: ObjectStore;
  stop(): void;
}

/** The endpoint of `--endpoint` with the credentials of the environment, else the embedded one in a process of its own. */
export async function openS3(endpoint: string | undefined): Promise<BenchS3> {
  if (endpoint !== undefined) {
    const env = { AWS_ENDPOINT_URL_S3: endpoint };
    Object.assign(process.env, env);
    return { env, store: openStore(), stop: () => undefined };
  }
  const server = spawn(process.execPath, ['libs/testkit/src/embedded-s3-main.ts', '--with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(server.stdout), 'line')) as [string];
  const { env } = JSON.parse(line) as { env: Record<string, string> };
  Object.assign(process.env, env);
  return { env, store: openStore(), stop: () => void server.kill() };
}

const openStore = (): ObjectStore =>
  createS3ObjectStore({ bucket: process.env['LOGS_BUCKET'] ?? 'logs', forcePathStyle: true });

/** Removes everything that Cordwood keeps in the bucket. Anything else in it is left alone. */
export async function emptyBucket({ store }: BenchS3): Promise<void> {
  for (const prefix of ['kube.var.log.containers.job-', 'data/job-', 'metadata/job-']) {
    for await (const page of store.list({ prefix })) {
      if (page.objects.length > 0) await store.deleteMany(page.objects.map(({ key }) => ({ key })));
    }
  }
}

/** Stores the objects in order; gives their bytes in all. */
export async function upload({ store }: BenchS3, objects: Iterable<RawObject>): Promise<number> {
  let bytes = 0;
  for (const { key, body } of objects) {
    await store.put(key, body);
    bytes += body.length;
  }
  return bytes;
}
