import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { createS3ObjectStore, type S3ObjectStore } from '@cordwood/log-store';
import { type AppProcess, type PrivateRedis, startApp, startPrivateRedis } from '@cordwood/testkit';
import { bundle } from '../../tools/lib/bundle.ts';
import { IMAGE_FLAGS } from '../../tools/lib/image-flags.ts';
import { watch, type Watch } from './watch.ts';

/** A bucket, a Redis and processes of their own, gone in the end. */
export interface SoakSystem {
  readonly store: S3ObjectStore;
  readonly redis: PrivateRedis;
  /** Starts an app as in its image (one bundled file), and watches it. */
  start(name: string, env?: Readonly<Record<string, string>>): Promise<WatchedApp>;
  close(): Promise<void>;
}

export interface WatchedApp {
  readonly app: AppProcess;
  readonly watch: Watch;
}

export async function startSoakSystem(): Promise<SoakSystem> {
  const dir = await mkdtemp(join(tmpdir(), 'cordwood-soak-'));
  const redis = await startPrivateRedis();
  const server = spawn(
    process.execPath,
    ['libs/testkit/src/embedded-s3-main.ts', '--with-parent', '--data-dir', join(dir, 's3')],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const [line] = (await once(createInterface(server.stdout), 'line')) as [string];
  const { endpoint, env: s3Env } = JSON.parse(line) as { endpoint: string; env: Record<string, string> };
  const store = createS3ObjectStore({
    bucket: 'logs',
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: s3Env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: s3Env['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  });
  const env = { ...s3Env, REDIS_URL: redis.url, CONCURRENCY: '2' };
  const stallsModule = join(dir, 'stalls.js');
  await bundle('bench/soak/stalls.ts', stallsModule);
  const apps: WatchedApp[] = [];
  return {
    store,
    redis,
    start: async (name, more = {}) => {
      const main = join(dir, name, 'main.js');
      await bundle(`apps/${name}/src/main.ts`, main);
      const stalls = join(dir, `${name}-${apps.length.toString()}.stalls`);
      const flags = [...IMAGE_FLAGS, '--import', pathToFileURL(stallsModule).href];
      const extra = (process.env['SOAK_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
      const app = await startApp(name, { ...env, SOAK_STALLS: stalls, ...more }, { main, flags: [...flags, ...extra] });
      const watched = { app, watch: watch(app, { stalls, redisUrl: redis.url }) };
      apps.push(watched);
      return watched;
    },
    close: async () => {
      for (const { app, watch: each } of apps) {
        await each.stop();
        app.kill('SIGTERM');
        await app.ended;
      }
      store.close();
      server.kill();
      await redis.dispose();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
