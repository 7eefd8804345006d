import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createS3ObjectStore, type ObjectStore, PrefixedObjectStore } from '@cordwood/log-store';

/** The S3 server under the run. */
export interface ChaosStore {
  readonly endpoint: string;
  /** What a process needs to reach it, but for the endpoint; the run's own prefix included. */
  readonly env: Readonly<Record<string, string>>;
  readonly prefix: string;
  /** A client, through a proxy at `endpoint` or past all proxies. */
  client(endpoint?: string): ObjectStore;
  /** Whether it refuses to delete what has been replaced; so that a key may be used twice. */
  readonly conditionalDelete: boolean;
  /** Empties what is the run's, and ends the server if it is. */
  close(): Promise<void>;
}

const SERVER = join(import.meta.dirname, '../../libs/testkit/src/embedded-s3-main.ts');

/** Starts a server of our own (a process, so that it shares no event loop), or takes the environment's. */
export async function openChaosStore(endpoint: 'embedded' | 'environment', dataDir: string): Promise<ChaosStore> {
  const server = endpoint === 'embedded' ? await startServer(dataDir) : undefined;
  const s3 = server?.env ?? fromEnvironment();
  const target = s3['AWS_ENDPOINT_URL_S3'];
  if (!target) throw new Error('AWS_ENDPOINT_URL_S3 is not set: --endpoint environment needs it');
  const prefix = `chaos-${randomUUID()}/`;
  const open = (at: string) =>
    createS3ObjectStore({
      bucket: s3['LOGS_BUCKET'] ?? 'logs',
      endpoint: at,
      region: s3['AWS_REGION'] ?? 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: s3['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: s3['AWS_SECRET_ACCESS_KEY'] ?? '' },
    });
  const direct = open(target);
  const clients = [direct];
  const { conditionalBatchDelete } = await direct.probe(prefix);
  return {
    endpoint: target,
    env: { ...s3, S3_FORCE_PATH_STYLE: 'true', BUCKET_PREFIX: prefix },
    prefix,
    client: (at) => {
      const client = at === undefined ? direct : open(at);
      clients.push(client);
      return new PrefixedObjectStore(client, prefix);
    },
    conditionalDelete: conditionalBatchDelete,
    close: async () => {
      if (server === undefined) {
        for await (const page of direct.list({ prefix }))
          await direct.deleteMany(page.objects.map(({ key }) => ({ key })));
      }
      for (const client of clients) client.close();
      await server?.stop();
    },
  };
}

async function startServer(dataDir: string) {
  const child = spawn(process.execPath, [SERVER, '--data-dir', dataDir, '--with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { env } = JSON.parse(line.toString()) as { env: Record<string, string> };
  return {
    env,
    stop: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

function fromEnvironment(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('AWS_') || name === 'LOGS_BUCKET');
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']));
}
