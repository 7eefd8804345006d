import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createS3ObjectStore, type ObjectStore } from '@cordwood/log-store';
import type { RawObject } from './corpus.ts';

/** The S3 endpoint that is measured against, and the environment that leads processes to it. */
export interface BenchS3 {
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string>>;
  readonly store: ObjectStore;
  stop(): void;
}

/** The endpoint of `--endpoint` with the credentials of the environment, else the embedded one in a process of its own. */
export async function openS3(endpoint: string | undefined): Promise<BenchS3> {
  if (endpoint !== undefined) {
    const given = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_') || name === 'LOGS_BUCKET');
    const env = {
      ...(Object.fromEntries(given) as Record<string, string>),
      HOME: process.env['HOME'] ?? '',
      AWS_ENDPOINT_URL_S3: endpoint,
      S3_FORCE_PATH_STYLE: 'true',
    };
    return { endpoint, env, store: openStore(env), stop: () => undefined };
  }
  const server = spawn(process.execPath, ['libs/testkit/src/embedded-s3-main.ts', '--with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(server.stdout), 'line')) as [string];
  const told = JSON.parse(line) as { endpoint: string; env: Record<string, string> };
  return { ...told, store: openStore(told.env), stop: () => void server.kill() };
}

function openStore(env: Readonly<Record<string, string>>): ObjectStore {
  Object.assign(process.env, env);
  return createS3ObjectStore({ bucket: env['LOGS_BUCKET'] ?? 'logs', forcePathStyle: true });
}

const RAW = 'kube.var.log.containers.job-';
const MERGED = ['data/job-', 'metadata/job-'];

/** Removes everything that Cordwood keeps in the bucket for jobs. Anything else in it is left alone. */
export async function emptyBucket(s3: BenchS3): Promise<void> {
  await removePrefixes(s3, [RAW, ...MERGED]);
}

/** Takes all merging back: what is left are the raw files. */
export async function unmerge(s3: BenchS3): Promise<void> {
  await removePrefixes(s3, MERGED);
}

async function removePrefixes({ store }: BenchS3, prefixes: readonly string[]): Promise<void> {
  for (const prefix of prefixes) {
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
