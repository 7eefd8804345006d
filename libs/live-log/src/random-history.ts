/** Random histories of a job, its collector and its readers, for property tests. */
import fc from 'fast-check';
import type { ObjectStore } from '@cordwood/log-store';
import { FakeCluster, type FakeInstance, storeNow } from './fake-cluster.ts';
import type { JobLogRequest } from './job-log.ts';
import { JobLogReader } from './job-log-reader.ts';
import { archiveOf, Collected, instant, ManualClock, MAX_MESSAGE, quiet, upload } from './spec-support.ts';

/** What happens, one after the other; times in ms. */
export type Step =
  | { readonly kind: 'write'; readonly lines: number; readonly pause: number }
  | { readonly kind: 'rotate'; readonly closes: boolean }
  | { readonly kind: 'restart'; readonly hold: number; readonly read: boolean }
  | { readonly kind: 'collect'; readonly delay: number; readonly lost: boolean }
  | { readonly kind: 'drop' }
  | { readonly kind: 'away'; readonly requests: number }
  | { readonly kind: 'step back'; readonly ms: number }
  | { readonly kind: 'merge'; readonly size: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'status lag'; readonly ms: number }
  | { readonly kind: 'read'; readonly since: number | undefined };

export interface Kinds {
  /** Whether collected lines may never arrive. */
  readonly losses: boolean;
  readonly clockSteps: boolean;
}

export const steps = ({ losses, clockSteps }: Kinds): fc.Arbitrary<Step[]> => {
  const kind = <K extends Step['kind']>(name: K) => fc.constant(name);
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: kind('write'), lines: fc.integer({ min: 1, max: 8 }), pause: fc.nat(900) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: kind('rotate'), closes: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: kind('restart'),
        hold: fc.constantFrom(0, 0, 3_000, 12_000),
        read: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: kind('collect'),
        delay: fc.nat(60_000),
        lost: losses ? fc.constantFrom(true, false, false) : fc.constant(false),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: kind('drop') }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('away'), requests: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('merge'), size: fc.constantFrom(200, 1_000_000) }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: kind('wait'), ms: fc.constantFrom(500, 2_000, 15_000, 40_000, 100_000, 400_000) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: kind('status lag'), ms: fc.constantFrom(0, 10, 100, 450) }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('read'), since: fc.option(fc.nat(300), { nil: undefined }) }) },
    ...(clockSteps
      ? [{ weight: 1, arbitrary: fc.record({ kind: kind('step back'), ms: fc.integer({ min: 1, max: 8_000 }) }) }]
      : []),
  );
  return fc.array(step, { minLength: 5, maxLength: 60 });
};

export interface Read {
  readonly since: number | undefined;
  readonly collected: Collected;
}

export interface Outcome {
  readonly reads: readonly Read[];
  readonly instances: readonly FakeInstance[];
  /** Lines that the collector lost. */
  readonly lost: ReadonlySet<string>;
  readonly openLogs: number;
}

/** More restarts than these are not waited for when they came unnoticed. */
const MOST_RESTARTS = 4;

const REQUEST: JobLogRequest = { pod: 'job-a', namespace: 'team', containers: ['main'], follow: true };

/** Where it happens. */
export interface World {
  readonly store: ObjectStore & { clock: number };
  /** Merges into files of so many bytes, and cleans. */
  readonly compact: (store: ObjectStore, mergedFileSize: number) => Promise<unknown>;
}

export async function play(history: readonly Step[], { store, compact }: World): Promise<Outcome> {
  const clock = new ManualClock();
  store.clock = storeNow(clock);
  const cluster = new FakeCluster(clock);
  const reader = new JobLogReader({
    archive: archiveOf(store),
    storeNow: () => store.now(),
    kube: cluster.kube,
    maxMessage: MAX_MESSAGE,
    clock,
  });
  const advance = async (ms: number): Promise<void> => clock.advance(ms, (moved) => (store.clock += moved));
  const reads: Read[] = [];
  const read = (since: number | undefined): void => {
    const from = since === undefined ? undefined : instant(since);
    reads.push({ since, collected: new Collected(reader.read({ ...REQUEST, since: from })) });
  };
  const uploaded = new Map<FakeInstance, number>();
  const last = new Map<FakeInstance, Promise<void>>();
  const lost = new Set<string>();
  let index = 0;
  const collectFrom = async (instance: FakeInstance, delay: number, isLost: boolean): Promise<void> => {
    const lines = instance.lines.slice(uploaded.get(instance) ?? 0);
    uploaded.set(instance, instance.lines.length);
    const number = index++;
    if (isLost) for (const { log } of lines) lost.add(log);
    if (lines.length === 0 || isLost) return;
    // The collector keeps the order of an instance's files; what is late is tested by itself.
    const before = last.get(instance) ?? Promise.resolve();
    const arrival = clock
      .sleep(delay)
      .then(async () => before)
      .then(async () => upload(store, lines, number, instance.containerId));
    last.set(instance, arrival);
    await arrival;
  };
  const collect = (delay: number, isLost: boolean): void => {
    for (const instance of cluster.all()) void collectFrom(instance, delay, isLost);
  };

  // No line is under way for longer than the archive is waited for.
  let isOver = false;
  const collectAlways = async (): Promise<void> => {
    while (!isOver) {
      await clock.sleep(20_000);
      collect(20_000, false);
    }
  };
  void collectAlways();

  let offset = 0;
  let written = 0;
  /** By the node's clock. */
  const age = (): number => cluster.now - offset / 1000 - cluster.current().startedAt;
  const write = async (pause: number): Promise<void> => {
    cluster.write(`line ${written++}`, Math.max(0, clock.now() + 1 - offset) / 1000);
    await advance(pause);
  };
  cluster.exists = true;
  read(undefined);
  await advance(1);
  cluster.start();
  for (const step of history) {
    switch (step.kind) {
      case 'write':
        for (let line = 0; line < step.lines; line++) await write(1 + step.pause);
        break;
      case 'rotate':
        // A file that is full so soon after its container's start is not noticed.
        if (age() > 11) cluster.rotate(step.closes);
        break;
      case 'restart':
        if (cluster.all().length > MOST_RESTARTS) break;
        cluster.end();
        await advance(step.hold);
        cluster.start();
        if (!step.read) break;
        // Somebody comes while the status may still tell of the instance before.
        await write(1);
        read(undefined);
        break;
      case 'collect':
        collect(step.delay, step.lost);
        break;
      case 'drop':
        cluster.drop();
        break;
      case 'away':
        cluster.away = step.requests;
        break;
      case 'step back':
        if (age() - step.ms / 1000 > 11) offset += step.ms;
        break;
      case 'merge':
        await compact(store, step.size);
        break;
      case 'wait':
        await advance(step.ms);
        break;
      case 'status lag':
        cluster.statusLag = step.ms;
        break;
      case 'read':
        read(step.since);
    }
    await quiet();
  }
  cluster.end('main', true);
  await advance(2_000);
  read(undefined);
  collect(30_000, false);
  await advance(400_000);
  read(undefined);
  isOver = true;
  await advance(200_000);
  return { reads, lost, instances: cluster.all(), openLogs: cluster.openLogs };
}
