import {
  eventually,
  type FaultProxy,
  type PrivateRedis,
  type ProxiedRequest,
  startFaultProxy,
  startPrivateRedis,
} from '@cordwood/testkit';
import { App, type AppLine } from './app.ts';
import type { Counts } from './counts.ts';
import type { Journal } from './journal.ts';
import { operationOf } from './keys.ts';
import type { Random } from './random.ts';
import type { ChaosStore } from './store.ts';
import { Weather } from './weather.ts';

/** Short, so that everything happens all the time. ORPHAN_AGE is what a frozen worker must outlast. */
export const TIMES = { SCAN_INTERVAL: 1_000, COMPACTION_INTERVAL: 1_500, CLEANUP_DELAY: 2_000, ORPHAN_AGE: 8_000 };

const PROGRAMS = ['compactor-worker', 'cleanup-worker', 'reader-api'];
const REPLICAS = 2;
const START_MS = 120_000;
const HOUR = 3_600_000;
/** How far clocks are off. */
const OFFSETS = [0, 0, 5 * HOUR, -7 * HOUR, 90_000, -90_000];

/** What is to happen when a request comes by: once, and only the first that matches. */
export interface Trap {
  readonly matches: (operation: string, request: ProxiedRequest) => boolean;
  /** Runs before the request is passed on; it is passed on when this resolves. */
  readonly spring: (request: ProxiedRequest) => void | Promise<void>;
}

/** One app and its way to the store. */
export interface Member {
  readonly app: App;
  readonly weather: Weather;
  trap: Trap | undefined;
  /** An action is at work on it. */
  busy: boolean;
}

export interface ClusterOptions {
  readonly store: ChaosStore;
  readonly random: Random;
  readonly counts: Counts;
  readonly journal: Journal;
  readonly onLine: (app: App, line: AppLine) => void;
  readonly onDeath: (app: App, how: string) => void;
}

/** All processes of the run: two of each app, each behind a fault proxy of its own, and a Redis. */
export class Cluster {
  readonly members: readonly Member[];
  readonly redis: PrivateRedis;
  /** The writers' way to the store. */
  readonly writerEndpoint: string;
  readonly #clocks: Random;
  readonly #proxies: readonly FaultProxy[];
  readonly #weathers: readonly Weather[];

  private constructor(parts: {
    readonly members: readonly Member[];
    readonly redis: PrivateRedis;
    readonly writers: FaultProxy;
    readonly proxies: readonly FaultProxy[];
    readonly weathers: readonly Weather[];
    readonly clocks: Random;
  }) {
    this.members = parts.members;
    this.redis = parts.redis;
    this.writerEndpoint = parts.writers.endpoint;
    this.#clocks = parts.clocks;
    this.#proxies = parts.proxies;
    this.#weathers = parts.weathers;
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const { store, random, counts } = options;
    const redis = await startPrivateRedis();
    const proxies: FaultProxy[] = [];
    const weathers: Weather[] = [];
    const proxied = async (name: string, trapOf: () => Member | undefined) => {
      const weather = new Weather(random.fork(`weather of ${name}`));
      const proxy = await startFaultProxy(store.endpoint, {
        record: false,
        decide: (request) => {
          const operation = operationOf(request.method, request.url, store.prefix);
          const member = trapOf();
          const trap = member?.trap;
          if (member !== undefined && trap?.matches(operation, request) === true) {
            member.trap = undefined;
            return { before: async () => trap.spring(request) };
          }
          const struck = weather.strike(request.method, { writers: name === 'writers' });
          if (struck === undefined) return undefined;
          counts.add('faults', struck.kind);
          counts.add('faults by operation', operation);
          return struck.fault;
        },
        onAnswer: (request, status) => {
          const operation = operationOf(request.method, request.url, store.prefix);
          if (operation === 'put metadata') {
            if (status === 412 || status === 409) counts.add('commits', 'refused');
            else if (status < 300) counts.add('commits', 'made');
          }
          if (status === 404 && name.startsWith('reader') && /^get (raw|data)$/.test(operation)) {
            counts.add('reads', 'met a file that is gone');
          }
        },
      });
      proxies.push(proxy);
      weathers.push(weather);
      return { proxy, weather };
    };

    const { proxy: writers } = await proxied('writers', () => undefined);
    const members: Member[] = [];
    for (const program of PROGRAMS) {
      for (let n = 1; n <= REPLICAS; n++) {
        const name = `${program.split('-')[0] ?? ''}-${n}`;
        let self: Member | undefined = undefined;
        const { proxy, weather } = await proxied(name, () => self);
        const app: App = new App({
          name,
          program,
          dir: options.journal.dir,
          env: {
            ...store.env,
            AWS_ENDPOINT_URL_S3: proxy.endpoint,
            REDIS_URL: redis.url,
            ...Object.fromEntries(Object.entries(TIMES).map(([variable, ms]) => [variable, `${ms}ms`])),
            // Logs of many files.
            MERGED_FILE_SIZE: '128KiB',
            CONCURRENCY: '3',
            SHUTDOWN_TIMEOUT: '15s',
            PORT: '0',
            RATE_LIMIT: 'off',
          },
          onLine: (line) => options.onLine(app, line),
          onDeath: (how) => options.onDeath(app, how),
        });
        self = { app, weather, trap: undefined, busy: false };
        members.push(self);
      }
    }
    const cluster = new Cluster({ members, redis, writers, proxies, weathers, clocks: random.fork('clocks') });
    for (const { app } of members) await cluster.startApp(app);
    // A round is over before slow machines have started all of them.
    const started = () => members.every(({ app }) => app.isReady) || members.some(({ app }) => !app.isRunning);
    await eventually('all apps are ready', started, START_MS);
    for (const weather of weathers) weather.begin();
    return cluster;
  }

  of(program: string): Member[] {
    return this.members.filter(({ app }) => app.program.startsWith(program));
  }

  /** Starts it with a clock that may be hours off. */
  async startApp(app: App): Promise<void> {
    await app.start(this.#clocks.pick(OFFSETS));
  }

  /** Ends all faults on the way to the store, and sets no more traps off. */
  faultsOff(): void {
    for (const weather of this.#weathers) weather.end();
    for (const member of this.members) member.trap = undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map(({ app }) => app.kill()));
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
    await this.redis.dispose();
  }
}
