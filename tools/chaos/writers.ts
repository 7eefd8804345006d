import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectStore } from '@cordwood/log-store';
import type { Counts } from './counts.ts';
import { FluentBit } from './fluent-bit.ts';
import type { Journal } from './journal.ts';
import type { Random } from './random.ts';
import type { ChaosStore } from './store.ts';
import { PodTruth } from './truth.ts';

export interface WritersOptions {
  readonly store: ChaosStore;
  /** The proxy before the store. */
  readonly endpoint: string;
  readonly random: Random;
  readonly counts: Counts;
  readonly journal: Journal;
}

/** Pods that write at the same time. The first is a big one, the second never ends. */
const PODS = 5;
const PAUSE_MS = 1_200;
/** A Friday in the past; pods begin some hours apart. */
const FIRST_MINUTE = Date.UTC(2026, 10, 20) / 60_000;

/** All pods: a handful at any time, some that end and are followed by others. */
export class Writers {
  /** Every pod there has been, in order of their beginning. */
  readonly pods: PodTruth[] = [];
  readonly #options: WritersOptions;
  readonly #store: ObjectStore;
  readonly #writers = new Map<string, FluentBit>();
  #stopping = false;

  constructor(options: WritersOptions) {
    this.#options = options;
    this.#store = options.store.client(options.endpoint);
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: PODS }, (_, place) => this.#place(place)));
  }

  stop(): void {
    this.#stopping = true;
    for (const writer of this.#writers.values()) writer.stop();
  }

  writerOf(pod: string): FluentBit | undefined {
    return this.#writers.get(pod);
  }

  /** Every pod logs once more, those that have ended too. */
  async lastWords(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.lastWord()));
  }

  async #place(place: number): Promise<void> {
    const { store, random, counts, journal } = this.#options;
    const mine = random.fork(`place ${place}`);
    for (let n = 0; !this.#stopping; n++) {
      const name = `job-${place}-${n}`;
      const truth = new PodTruth(name);
      const writer = new FluentBit({
        truth,
        store: this.#store,
        directStore: store.client(),
        random: mine.fork(name),
        counts,
        journal,
        firstMinute: FIRST_MINUTE + mine.between(0, 600),
        files: place < 2 ? Infinity : mine.between(4, 60),
        big: place === 0,
        overwrites: store.conditionalDelete,
        pauseMs: place === 0 ? PAUSE_MS * 2 : PAUSE_MS,
      });
      this.pods.push(truth);
      this.#writers.set(name, writer);
      counts.add('writing', 'pods');
      await writer.run();
      await delay(mine.between(0, 1_000));
    }
  }
}
