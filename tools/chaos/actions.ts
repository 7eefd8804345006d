import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectStore } from '@cordwood/log-store';
import { Redis } from 'ioredis';
import { type Cluster, type Member, TIMES } from './cluster.ts';
import type { Counts } from './counts.ts';
import type { FluentBit } from './fluent-bit.ts';
import type { Journal } from './journal.ts';
import { keysBelow, readMetadata } from './merged.ts';
import type { Random } from './random.ts';

export interface ActionOptions {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly counts: Counts;
  readonly journal: Journal;
  /** Past all faults. */
  readonly store: ObjectStore;
  readonly prefix: string;
  readonly writerOf: (pod: string) => FluentBit | undefined;
}

/** How long a worker stays frozen at most while its files are not orphans and deleted yet. */
const FROZEN_AT_MOST_MS = 45_000;
/** How long a trap waits for its request. */
const TRAP_MS = 15_000;

type Action = () => Promise<void>;

/** A worker that was stopped in the middle of a merge. */
interface Frozen {
  readonly pod: string;
  /** The file that it is storing; undefined: all are stored. */
  readonly stored: string | undefined;
}

/** Kills, freezes and losses, in an order that the seed decides; each comes at least once in every round. */
export class Actions {
  readonly #options: ActionOptions;
  readonly #pending = new Set<Promise<void>>();
  #queue: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(options: ActionOptions) {
    this.#options = options;
  }

  /** Acts until `stop`, a whole round within `roundMs`; resolves when everything that was begun is over. */
  async run(roundMs: number): Promise<void> {
    const { random } = this.#options;
    while (!this.#stopping) {
      const round = random.shuffled(this.#round());
      const pauseMs = Math.min(6_000, roundMs / (round.length + 1));
      for (const action of round) {
        await this.#pause(random.between(pauseMs * 0.5, pauseMs * 1.3));
        if (this.#isOver()) break;
        this.#begin(action);
      }
    }
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  stop(): void {
    this.#stopping = true;
  }

  /** A call, because the compiler does not see that time passes. */
  #isOver(): boolean {
    return this.#stopping;
  }

  #begin(action: Action): void {
    const begun: Promise<void> = action().finally(() => this.#pending.delete(begun));
    this.#pending.add(begun);
  }

  async #pause(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (!this.#stopping && performance.now() < until) await delay(50);
  }

  #round(): Action[] {
    const { cluster, random } = this.#options;
    const kill = (member: Member) => () => this.#kill(member);
    return [
      ...cluster.members.map(kill),
      () => this.#killAt(random.pick(cluster.of('compactor')), 'put metadata'),
      () => this.#killAt(random.pick(cluster.of('compactor')), 'put data'),
      () => this.#killAt(random.pick(cluster.of('cleanup')), 'delete'),
      () => this.#term(random.pick(cluster.members)),
      this.#oneByOne(() => this.#freeze('put data')),
      this.#oneByOne(() => this.#freeze('put metadata')),
      () => this.#flush(),
      this.#oneByOne(() => this.#restartRedis()),
    ];
  }

  /** Of these only one is under way: one compactor must be left that is not frozen. */
  #oneByOne(action: Action): Action {
    return () => (this.#queue = this.#queue.then(action));
  }

  #did(what: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#options.counts.add('actions', what);
    this.#options.journal.note(what, fields);
  }

  /** Actions on one app come one after the other. */
  async #alone(member: Member, act: Action): Promise<void> {
    while (member.busy) await delay(20);
    member.busy = true;
    try {
      await act();
    } finally {
      member.busy = false;
    }
  }

  async #kill(member: Member): Promise<void> {
    const { app } = member;
    await this.#alone(member, async () => {
      this.#did(`kill ${app.program}`, { app: app.name });
      await app.kill();
      await this.#restart(app);
    });
  }

  /** In the middle of a request: it may be carried out or not. */
  async #killAt(member: Member, operation: string): Promise<void> {
    const { random } = this.#options;
    const carriedOut = random.chance(0.5);
    const { app } = member;
    let killed: Promise<void> | undefined;
    await this.#trap(
      member,
      operation,
      () => {
        this.#did(`kill ${app.program} at ${operation}`, { app: app.name, carriedOut });
        killed = app.kill();
        return carriedOut ? undefined : killed;
      },
      async () => {
        await killed;
        await this.#restart(app);
      },
    );
  }

  async #term(member: Member): Promise<void> {
    const { app } = member;
    await this.#alone(member, async () => {
      this.#did(`terminate ${app.program}`, { app: app.name });
      await app.end();
      await this.#restart(app);
    });
  }

  async #restart(app: Member['app']): Promise<void> {
    await delay(this.#options.random.between(0, 2_000));
    await this.#options.cluster.startApp(app);
  }

  /**
   * Stops a compactor in the middle of a merge: when it has stored a file that no metadata lists yet, or while it waits for the answer to its
   * commit. Meanwhile Redis forgets that it had the pod, the pod is silent, so another worker merges it and in the end sweeps the orphan.
   * `put metadata`: the commit itself arrives only then.
   */
  async #freeze(operation: 'put data' | 'put metadata'): Promise<void> {
    const { cluster, random, prefix } = this.#options;
    const member = random.pick(cluster.of('compactor'));
    let frozen: Frozen | undefined;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await this.#trap(
      member,
      operation,
      (url) => {
        member.app.freeze();
        const [path = ''] = url.split('?');
        const key = decodeURIComponent(path).split('/').slice(2).join('/').replace(prefix, '');
        frozen =
          operation === 'put data'
            ? { pod: key.split('/')[1] ?? '', stored: key }
            : { pod: key.slice('metadata/'.length, -'.json'.length), stored: undefined };
        return operation === 'put data' ? undefined : held;
      },
      async () => {
        if (frozen === undefined) return;
        this.#did(`freeze at ${operation}`, { app: member.app.name, ...frozen });
        const swept = await this.#untilSwept(frozen);
        this.#did(swept ? 'woke after its files were swept' : 'woke with its files still there', { ...frozen });
        // A commit that was on its way arrives before the worker wakes up.
        release();
        await delay(200);
        member.app.wake();
        const writer = this.#options.writerOf(frozen.pod);
        if (writer !== undefined) writer.silentUntil = 0;
      },
    );
  }

  /** Sees to it that what the frozen worker has stored becomes an orphan; true when it was deleted as one. */
  async #untilSwept({ pod, stored }: Frozen): Promise<boolean> {
    const { store, writerOf } = this.#options;
    const frozenAt = performance.now();
    const writer = writerOf(pod);
    if (writer !== undefined) writer.silentUntil = frozenAt + FROZEN_AT_MOST_MS;
    const orphans = stored === undefined ? await this.#unlisted(store, pod) : [stored];
    await this.#flush();
    for (;;) {
      await delay(250);
      const frozenFor = performance.now() - frozenAt;
      const keys = await keysBelow(store, `data/${pod}/`);
      const swept = orphans.some((key) => !keys.includes(key));
      if ((swept && frozenFor > TIMES.ORPHAN_AGE + 1_000) || frozenFor > FROZEN_AT_MOST_MS) return swept;
    }
  }

  async #unlisted(store: ObjectStore, pod: string): Promise<string[]> {
    const listed = new Set((await readMetadata(store, pod))?.log_files.map(({ key }) => key));
    return (await keysBelow(store, `data/${pod}/`)).filter((key) => !listed.has(key));
  }

  /**
   * Waits for such a request of the app and springs at it; the request is passed on when that is done. `then` follows. Nothing
   * happens when no such request comes.
   */
  async #trap(
    member: Member,
    operation: string,
    spring: (url: string) => undefined | Promise<void>,
    then: Action,
  ): Promise<void> {
    if (member.trap !== undefined) return;
    const state = { sprung: false };
    const trap = {
      matches: (name: string) => name === operation && !member.busy && member.app.isRunning,
      spring: ({ url }: { readonly url: string }) => {
        state.sprung = true;
        member.busy = true;
        return spring(url);
      },
    };
    member.trap = trap;
    const until = performance.now() + TRAP_MS;
    while (member.trap === trap && performance.now() < until) await delay(10);
    if (member.trap === trap) member.trap = undefined;
    // The trap is taken off when it matches, and springs at the proxy's next turn.
    await delay(20);
    if (!state.sprung) return;
    try {
      await then();
    } finally {
      member.busy = false;
    }
  }

  async #flush(): Promise<void> {
    const redis = new Redis(this.#options.cluster.redis.url, {
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      await redis.flushall();
      this.#did('redis flushed');
    } catch {
      // It is being restarted, empty.
    } finally {
      redis.disconnect();
    }
  }

  async #restartRedis(): Promise<void> {
    const { redis } = this.#options.cluster;
    const empty = this.#options.random.chance(0.7);
    await redis.kill();
    await delay(this.#options.random.between(100, 3_000));
    await redis.start({ empty });
    this.#did(empty ? 'redis restarted empty' : 'redis restarted with its data');
  }
}
