import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ProvidedRedis, provideRedis } from '../lib/redis.ts';
import type { Ports } from './ports.ts';
import { type Death, type Program, startProgram } from './program.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const BUCKET = 'logs';
export const QUEUE_PREFIX = '{cordwood-dev}';

/** Short, so that a person sees everything happen within a minute. */
const INTERVALS = { SCAN_INTERVAL: '2s', COMPACTION_INTERVAL: '10s', CLEANUP_DELAY: '15s', ORPHAN_AGE: '2m' };

export const APPS = ['reader-api', 'compactor-worker', 'cleanup-worker', 'queue-dashboard'] as const;
type AppName = (typeof APPS)[number];
const METRICS_PORTS: Record<AppName, number> = {
  'reader-api': 9090,
  'compactor-worker': 9091,
  'cleanup-worker': 9092,
  'queue-dashboard': 9093,
};

/** Everything that runs. */
export interface Stack {
  readonly s3: { readonly endpoint: string; readonly bucket: string };
  readonly redisUrl: string;
  readonly readerUrl: string;
  readonly dashboardUrl: string;
  /** Where each app has /healthz, /readyz and /metrics. */
  readonly opsUrls: Readonly<Record<AppName, string>>;
  readonly intervals: Readonly<Record<keyof typeof INTERVALS, string>>;
  readonly programs: readonly Program[];
  /** Waits until every app is ready. @throws Error when the signal aborts */
  ready(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export interface StackOptions {
  readonly dataDir: string;
  readonly ports: Ports;
  readonly onLine: (program: string, line: string) => void;
  readonly onDeath: (program: string, death: Death) => void;
}

/** Starts Redis, S3 and the apps, in this order. What had started before an error is ended again. */
export async function startStack({ dataDir, ports, onLine, onDeath }: StackOptions): Promise<Stack> {
  const logs = join(dataDir, 'logs');
  await mkdir(logs, { recursive: true });
  const s3Port = await ports.take(9000);
  const readerPort = await ports.take(8080);
  const dashboardPort = await ports.take(8081);
  const redis: ProvidedRedis = await provideRedis();
  const intervals = fromEnvironment(INTERVALS);
  const common = {
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${s3Port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'cordwood',
    AWS_SECRET_ACCESS_KEY: 'cordwoodsecret',
    S3_FORCE_PATH_STYLE: 'true',
    LOGS_BUCKET: BUCKET,
    REDIS_URL: redis.url,
    QUEUE_PREFIX,
    ...intervals,
    ...(process.env['LOG_LEVEL'] !== undefined && { LOG_LEVEL: process.env['LOG_LEVEL'] }),
  };
  const programs: Program[] = [];
  const start = (name: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
    programs.push(
      startProgram({
        name,
        args,
        env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/nonexistent', ...env },
        logFile: join(logs, `${name}.log`),
        onLine: (line) => onLine(name, line),
        onDeath: (death) => onDeath(name, death),
      }),
    );
  };

  const s3Main = join(ROOT, 'libs/testkit/src/embedded-s3-main.ts');
  const s3Dir = join(dataDir, 's3');
  start('s3', [s3Main, '--port', String(s3Port), '--data-dir', s3Dir, '--bucket', BUCKET, '--with-parent'], {});
  const readerUrl = `http://127.0.0.1:${readerPort}`;
  const own: Partial<Record<AppName, Readonly<Record<string, string>>>> = {
    'reader-api': { PORT: String(readerPort) },
    // Without AUTH_MODE both listen on this machine's own addresses only: whoever sits before it may do everything.
    'queue-dashboard': { PORT: String(dashboardPort), DASHBOARD_MODE: 'operator', READER_URL: readerUrl },
  };
  const opsUrls: Partial<Record<AppName, string>> = {};
  for (const app of APPS) {
    const port = await ports.take(METRICS_PORTS[app]);
    opsUrls[app] = `http://127.0.0.1:${port}`;
    const main = join(ROOT, 'dist', 'apps', app, 'main.js');
    start(app, ['--import', join(import.meta.dirname, 'end-with-parent.ts'), '--enable-source-maps', main], {
      ...common,
      ...own[app],
      METRICS_PORT: String(port),
    });
  }

  return {
    s3: { endpoint: common.AWS_ENDPOINT_URL_S3, bucket: BUCKET },
    redisUrl: redis.url,
    readerUrl,
    dashboardUrl: `http://127.0.0.1:${dashboardPort}`,
    opsUrls: opsUrls as Record<AppName, string>,
    intervals,
    programs,
    ready: async (signal) => {
      for (const url of Object.values(opsUrls)) {
        while (!(await isReady(`${url}/readyz`, signal))) await delay(100, undefined, { signal });
      }
    },
    stop: async () => {
      const [s3, ...apps] = programs;
      // The apps first: they finish what they do, for which they need the others.
      await Promise.all(apps.map((app) => app.stop(10_000)));
      await s3?.stop(3_000);
      await redis.stop();
    },
  };
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

function fromEnvironment<Names extends string>(defaults: Readonly<Record<Names, string>>): Record<Names, string> {
  const entries = Object.entries(defaults) as [Names, string][];
  return Object.fromEntries(entries.map(([name, value]) => [name, process.env[name] ?? value])) as Record<
    Names,
    string
  >;
}
