import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Actions } from './actions.ts';
import type { App, AppLine } from './app.ts';
import { Cluster } from './cluster.ts';
import { Counts } from './counts.ts';
import { type Failure, failure } from './failure.ts';
import { Journal } from './journal.ts';
import { keysBelow, readMetadata } from './merged.ts';
import type { ChaosOptions } from './options.ts';
import { missingProgress } from './progress.ts';
import { Random } from './random.ts';
import { Readers } from './readers.ts';
import { settle } from './settle.ts';
import { type ChaosStore, openChaosStore } from './store.ts';
import { Work } from './work.ts';
import { Writers } from './writers.ts';

export interface ChaosResult {
  readonly counts: Counts;
  /** Seconds until everything had come to rest, after the faults. */
  readonly settledAfter: number | undefined;
  readonly failure: Failure | undefined;
  /** Logs of the apps, what was done, and what was read; removed when all was well. */
  readonly dir: string;
}

/** How often the last comparison of a log is tried: the reader may be starting. */
const LAST_READ_TRIES = 20;

/** One chaos run. `report` hears how far it is. */
export async function runChaos(options: ChaosOptions, report: (line: string) => void): Promise<ChaosResult> {
  const dir = await mkdtemp(join(tmpdir(), 'cordwood-chaos-'));
  const store = await openChaosStore(options.endpoint, join(dir, 's3'));
  const run = new Run(options, dir, store);
  try {
    const settledAfter = await run.whole(report);
    const { counts } = run;
    if (run.failure !== undefined) await run.keepEvidence(run.failure);
    return { counts, settledAfter, failure: run.failure, dir };
  } finally {
    await run.close();
    await store.close();
    await rm(run.failure === undefined ? dir : join(dir, 's3'), { recursive: true, force: true });
  }
}

class Run {
  readonly counts = new Counts();
  failure: Failure | undefined;
  readonly #options: ChaosOptions;
  readonly #store: ChaosStore;
  readonly #journal: Journal;
  readonly #random: Random;
  readonly #work: Work;
  #cluster: Cluster | undefined;

  constructor(options: ChaosOptions, dir: string, store: ChaosStore) {
    this.#options = options;
    this.#store = store;
    this.#journal = new Journal(dir);
    this.#random = new Random(options.seed);
    this.#work = new Work(this.counts);
  }

  /** Chaos, then calm, then the last comparison; ends with the first failure. Gives how long settling took, in s. */
  async whole(report: (line: string) => void): Promise<number | undefined> {
    let readers: Readers | undefined = undefined as Readers | undefined;
    const cluster = await Cluster.start({
      store: this.#store,
      random: this.#random,
      counts: this.counts,
      journal: this.#journal,
      onLine: (app, line) => {
        this.#hear(app, line);
        readers?.hear(app, line);
      },
      onDeath: (app, how) => {
        this.#fail(failure(`${app.name} ${how}`));
      },
    });
    this.#cluster = cluster;
    const ms = this.#options.minutes * 60_000;
    const common = { counts: this.counts, journal: this.#journal };
    const writers = new Writers({
      ...common,
      store: this.#store,
      endpoint: cluster.writerEndpoint,
      random: this.#random.fork('writers'),
    });
    readers = new Readers({
      ...common,
      apps: cluster.of('reader').map(({ app }) => app),
      pods: writers.pods,
      random: this.#random.fork('readers'),
      fail: (what) => {
        this.#fail(what);
      },
      cleanedSince: (pod, since) => this.#work.cleanedSince(pod, since),
      slowMs: Math.min(75_000, ms / 3),
    });
    const actions = new Actions({
      ...common,
      cluster,
      random: this.#random.fork('actions'),
      store: this.#store.client(),
      prefix: this.#store.prefix,
      writerOf: (pod) => writers.writerOf(pod),
    });

    const parts = [writers, readers, actions];
    const failing = (work: Promise<void>) =>
      work.catch((error: unknown) => {
        this.#fail(failure(String((error as Error).stack)));
      });
    const all = [writers.run(), readers.run(), actions.run(ms)].map(failing);
    const endsAt = performance.now() + ms;
    let told = performance.now();
    while (performance.now() < endsAt && this.failure === undefined) {
      await delay(100);
      if (performance.now() - told < 60_000) continue;
      told = performance.now();
      const compared = this.counts.of('compared', 'records').toLocaleString('en');
      report(`${Math.round((endsAt - told) / 60_000)} minutes to go, ${compared} records compared`);
    }
    for (const part of parts) part.stop();
    if (this.failure !== undefined) return undefined;
    cluster.faultsOff();
    // Actions end with every app awake and running.
    await Promise.all(all);
    report('calm; waiting until everything is merged and cleaned');
    return this.#last(cluster, writers, readers);
  }

  async #last(cluster: Cluster, writers: Writers, readers: Readers): Promise<number | undefined> {
    const calmAt = performance.now();
    // Pods whose orphans Redis has forgotten are found when they log again.
    await writers.lastWords();
    const problems = await settle(
      this.#store.client(),
      cluster.redis.url,
      writers.pods.map(({ pod }) => pod),
    );
    const settledAfter = (performance.now() - calmAt) / 1000;
    if (problems.length > 0) this.#fail(failure('does not come to rest', problems, problems[0]?.split(':', 1)[0]));
    for (const { app } of cluster.of('reader')) {
      for (const truth of writers.pods) {
        let tries = 0;
        while (this.failure === undefined && !(await readers.read('whole', app, truth, this.#random))) {
          if (++tries >= LAST_READ_TRIES)
            this.#fail(failure(`${app.name} does not give the log of ${truth.pod} in calm times`));
          await delay(500);
        }
        if (this.failure === undefined) this.counts.add('compared', 'logs at rest');
      }
    }
    const missing = missingProgress(this.counts, this.#options.minutes, this.#store.conditionalDelete);
    if (missing.length > 0) this.#fail(failure('too little happened for the run to show anything', missing));
    return settledAfter;
  }

  /** What helps to find the cause: the text that was read, the pod's metadata and files. */
  async keepEvidence({ pod, body }: Failure): Promise<void> {
    const { dir } = this.#journal;
    if (body !== undefined) await writeFile(join(dir, 'read.txt'), body);
    if (pod === undefined) return;
    const store = this.#store.client();
    const metadata = await readMetadata(store, pod).catch((error: unknown) => String(error));
    await writeFile(join(dir, 'metadata.json'), JSON.stringify(metadata ?? 'none', undefined, 1));
    const keys = (await keysBelow(store, '')).filter((key) => key.includes(pod));
    await writeFile(join(dir, 'keys.txt'), keys.map((key) => `${key}\n`).join(''));
  }

  async close(): Promise<void> {
    await this.#cluster?.close();
    this.#journal.close();
  }

  #hear(app: App, line: AppLine): void {
    this.#work.hear(app, line);
  }

  /** Only the first failure counts: what follows is mostly its consequence. */
  #fail(what: Failure): void {
    if (this.failure === undefined) this.#journal.note('failure', { what: what.what });
    this.failure ??= what;
  }
}
