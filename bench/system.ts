import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type PrivateRedis, startPrivateRedis } from '@cordwood/testkit';
import { bundle } from '../tools/lib/bundle.ts';
import { Child } from './process/child.ts';
import type { Measured } from './process/meter.ts';
import type { Task, TaskResult } from './process/task.ts';
import { type BenchS3, openS3 } from './s3.ts';

const DIST = 'dist/bench';

/** What the rows of the bench are measured with. */
export class System {
  readonly s3: BenchS3;
  /** How often what takes CPU time is measured; the median counts. */
  readonly repeat: number;
  private readonly children = new Set<Child>();
  private readonly bundled = new Map<string, Promise<string>>();
  private redis: PrivateRedis | undefined;

  private constructor(s3: BenchS3, repeat: number) {
    this.s3 = s3;
    this.repeat = repeat;
  }

  static async start({
    endpoint,
    repeat,
  }: {
    readonly endpoint: string | undefined;
    readonly repeat: number;
  }): Promise<System> {
    return new System(await openS3(endpoint), repeat);
  }

  /** Runs the work with a process that does tasks, without queue and HTTP. `env`: beside that of the store. */
  async withWorker<T>(
    work: (run: (task: Task) => Promise<TaskResult>) => Promise<T>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const main = await this.bundle('bench/process/worker.ts', 'worker.js');
    return this.with(new Child({ main, env: { ...this.s3.env, ...env } }), (child) => work((task) => child.ask(task)));
  }

  /** Runs the work with an app as in its image. `measured()` gives what it took since the last time. */
  async withApp<T>(
    name: 'compactor-worker' | 'reader-api',
    env: Readonly<Record<string, string>>,
    work: (app: RunningApp) => Promise<T>,
  ): Promise<T> {
    const main = await this.bundle(`apps/${name}/src/main.ts`, `${name}.js`);
    const meter = await this.bundle('bench/process/app-meter.ts', 'app-meter.js');
    const preload = pathToFileURL(resolve(meter)).href;
    const child = new Child({ main, preload, env: { ...this.s3.env, METRICS_PORT: '0', ...env } });
    return this.with(child, async () => {
      const [ready] = (await child.logged('ready')) as unknown as { readonly ports: Record<string, number> }[];
      return work({
        ports: ready?.ports ?? {},
        logged: (message, count) => child.logged(message, count),
        measured: () => child.ask<Measured>({}),
      });
    });
  }

  /** A Redis of this run alone. */
  async redisUrl(): Promise<string> {
    this.redis ??= await startPrivateRedis();
    return this.redis.url;
  }

  async close(): Promise<void> {
    for (const child of this.children) await child.stop();
    await this.redis?.dispose();
    this.s3.stop();
  }

  private async with<T>(child: Child, work: (child: Child) => Promise<T>): Promise<T> {
    this.children.add(child);
    try {
      return await work(child);
    } finally {
      await child.stop();
      this.children.delete(child);
    }
  }

  private async bundle(source: string, name: string): Promise<string> {
    const file = `${DIST}/${name}`;
    const made = this.bundled.get(file) ?? bundle(source, file).then(() => file);
    this.bundled.set(file, made);
    return made;
  }
}

export interface RunningApp {
  /** By name: `http`, `metrics`. */
  readonly ports: Readonly<Record<string, number>>;
  /** Waits until it has logged so many lines with this message; default 1. */
  logged(message: string, count?: number): Promise<Readonly<Record<string, unknown>>[]>;
  measured(): Promise<Measured>;
}
