import '../lib/node-version.ts';
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createS3ObjectStore } from '@cordwood/log-store';
import { connectRedis, createQueues } from '@cordwood/queues';
import { parseRedisUrl } from '@cordwood/service';
import { removeTestKeys } from '@cordwood/testkit';
import { banner } from './banner.ts';
import { loadFolder } from './load.ts';
import { takeLock } from './lock.ts';
import { type DevOptions, HELP, readOptions } from './options.ts';
import { createPorts } from './ports.ts';
import { type Samples, startSamples } from './samples.ts';
import { createScreen, readableProblem } from './screen.ts';
import { APPS, QUEUE_PREFIX, type Stack, startStack } from './stack.ts';
import { createState } from './state.ts';

/** `npm start`: the whole system on one machine. */
const screen = createScreen();
let options: DevOptions;
try {
  options = readOptions(process.argv.slice(2), process.env);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n\n${HELP}`);
  process.exit(2);
}
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
process.exit(await main(options));

async function main({ dataDir, fresh, load, samples: withSamples, anyPorts }: DevOptions): Promise<number> {
  const stopping = new AbortController();
  let exitCode = 0;
  let signals = 0;
  const stop = (code: number, why: string) => {
    if (stopping.signal.aborted) return;
    exitCode = code;
    screen.print(why);
    stopping.abort(new Error(why));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Somebody who will not wait: what is left ends by itself when this process is gone.
      if (++signals > 2) process.exit(1);
      stop(0, 'Stopping …');
    });
  }
  process.on('uncaughtException', (error) =>
    stop(1, `Stopping, because of a fault in this program: ${error.stack ?? ''}`),
  );

  await mkdir(dataDir, { recursive: true });
  const lock = await takeLock(dataDir);
  if ('heldBy' in lock) {
    process.stderr.write(
      `Cordwood runs already with the data in ${dataDir}: ${lock.heldBy}.\nEnd that one first, or give this one another folder with --data.\n`,
    );
    return 1;
  }
  let stack: Stack | undefined;
  let sampleJobs: Samples | undefined;
  const closing: (() => Promise<void> | void)[] = [];
  try {
    if (fresh) await rm(join(dataDir, 's3'), { recursive: true, force: true });
    screen.print('Building the apps …');
    await build();
    stopping.signal.throwIfAborted();

    const started = await startStack({
      dataDir,
      ports: createPorts({ any: anyPorts }),
      onLine: (program, line) => {
        if (stopping.signal.aborted || program === 's3') return;
        const problem = readableProblem(program, line);
        if (problem !== undefined) screen.print(problem);
      },
      onDeath: (program, { how, lastLines, restarting }) => {
        const told = lastLines.map((line) => `    ${line.slice(0, 1_000)}`).join('\n');
        const next = restarting ? 'It is started again.' : 'It does so again and again.';
        screen.print(`${program} ${how}. ${next} Its last lines:\n${told}`);
        if (!restarting) stop(1, 'Stopping.');
      },
    });
    stack = started;
    lock.describe(`process ${process.pid}, reader at ${started.readerUrl}`);
    if (fresh) await removeTestKeys(QUEUE_PREFIX, started.redisUrl);
    screen.print('Starting …');
    await started.ready(stopping.signal);

    const store = createS3ObjectStore({
      bucket: started.s3.bucket,
      endpoint: started.s3.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'cordwood', secretAccessKey: 'cordwoodsecret' },
    });
    closing.push(() => store.close());
    const loaded: string[] = [];
    for (const folder of load) {
      const { objects, jobs } = await loadFolder(store, folder);
      screen.print(`${objects} objects loaded from ${folder}`);
      loaded.push(...jobs);
    }
    if (withSamples) {
      sampleJobs = startSamples(store, (error) => {
        if (!stopping.signal.aborted) screen.print(`sample jobs: ${messageOf(error)}; it is tried again`);
      });
    }
    screen.print(banner({ stack: started, dataDir, samples: sampleJobs?.jobs ?? [], loaded: [...new Set(loaded)] }));

    const target = parseRedisUrl(started.redisUrl);
    if (target === undefined) throw new Error(`REDIS_URL is no Redis URL: ${started.redisUrl}`);
    const silent = { error: ignore, warn: ignore, info: ignore, debug: ignore, child: () => silent };
    const connection = connectRedis({ target, logger: silent });
    const queues = createQueues({ connection, prefix: QUEUE_PREFIX, logger: silent });
    closing.unshift(async () => {
      await queues.close();
      await connection.close();
    });
    const ask = createState({ store, queues, readerUrl: started.readerUrl, samples: sampleJobs });
    for (;;) {
      const state = await ask(stopping.signal).catch((error: unknown) => `state unknown: ${messageOf(error)}`);
      stopping.signal.throwIfAborted();
      screen.status(state);
      await delay(1_000, undefined, { signal: stopping.signal });
    }
  } catch (error) {
    if (!stopping.signal.aborted) {
      exitCode = 1;
      screen.print(`Stopping: ${messageOf(error)}`);
      stopping.abort(error);
    }
  } finally {
    screen.end();
    await sampleJobs?.stop();
    for (const close of closing) await close();
    await stack?.stop();
    await lock.release();
  }
  screen.print('Stopped.');
  return exitCode;
}

async function build(): Promise<void> {
  const script = join(import.meta.dirname, '..', 'build.ts');
  await promisify(execFile)(process.execPath, [script, ...APPS.map((app) => `apps/${app}`)]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function ignore(): void {
  // Outages are on the screen already: the apps report them.
}
