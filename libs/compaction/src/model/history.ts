import fc from 'fast-check';
import { OUTCOMES, type Outcome } from './stepped-store.ts';
import { CLEANUP_DELAY, ORPHAN_AGE, type Work, type World } from './world.ts';
import { type Delivery, type Format, INSTANCES, PARTS, SLOTS } from './written-log.ts';

/** Processes at work at once. */
const MOST_PROCESSES = 5;

/** What happens next. */
export type Event =
  | { readonly do: 'write'; readonly delivery: Delivery }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'start'; readonly work: Work }
  /** Some requests of one process are let through, the last of them with this outcome. */
  | {
      readonly do: 'step';
      readonly who: number;
      readonly which: number;
      readonly steps: number;
      readonly outcome: Outcome;
    }
  /** A process does all its work at once. */
  | { readonly do: 'work'; readonly work: Work }
  | { readonly do: 'late'; readonly which: number };

const work: fc.Arbitrary<Work> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Work>({ kind: 'compact' }) },
  { weight: 2, arbitrary: fc.constant<Work>({ kind: 'compact in small batches' }) },
  { weight: 2, arbitrary: fc.constant<Work>({ kind: 'clean' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      since: fc.option(fc.nat(SLOTS * 60), { nil: undefined, freq: 3 }),
      ahead: fc.boolean(),
    }),
  },
);

const delivery: fc.Arbitrary<Delivery> = fc.record({
  instance: fc.nat(INSTANCES - 1),
  slot: fc.nat(SLOTS - 1),
  what: fc.oneof({ weight: 4, arbitrary: fc.nat(PARTS - 1) }, { weight: 1, arbitrary: fc.constant('copy' as const) }),
  format: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<Format>('plain', 'gzip', 'two members') },
    { weight: 1, arbitrary: fc.constantFrom<Format>('cut', 'garbage') },
  ),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** The same delivery in a smaller log. The keys of odd slots are written once, so that copies may reach beyond them. */
function within(each: Delivery, slots: number, instances: number): Delivery {
  const slot = each.slot % slots;
  const what = each.what === 'copy' || slot % 2 === 0 ? each.what : 0;
  return { ...each, instance: each.instance % instances, slot, what };
}

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), delivery }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 1000, CLEANUP_DELAY / 2, CLEANUP_DELAY, CLEANUP_DELAY, ORPHAN_AGE),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('start' as const), work }) },
  {
    weight: 16,
    arbitrary: fc.record({
      do: fc.constant('step' as const),
      who: fc.nat(MOST_PROCESSES - 1),
      which: fc.nat(3),
      steps: fc.integer({ min: 1, max: 12 }),
      outcome: fc.oneof(
        { weight: 4, arbitrary: fc.constant('answered' as const) },
        { weight: 1, arbitrary: fc.constantFrom(...OUTCOMES) },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('work' as const), work }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('late' as const), which: fc.nat(3) }) },
);

/** Random histories of a pod. In small logs the same keys are written again and again. */
export const history: fc.Arbitrary<Event[]> = fc
  .record({
    slots: fc.constantFrom(1, 3, SLOTS),
    instances: fc.integer({ min: 1, max: INSTANCES }),
    events: fc.array(event, { maxLength: 120, size: 'max' }),
  })
  .map(({ slots, instances, events }) =>
    events.map((one) => (one.do === 'write' ? { ...one, delivery: within(one.delivery, slots, instances) } : one)),
  );

/** Plays a history and brings it to its end. Throws at the first thing that is wrong. */
export async function play(world: World, events: readonly Event[]): Promise<void> {
  for (const one of events) await happen(world, one);
  await world.settle();
}

async function happen(world: World, one: Event): Promise<void> {
  switch (one.do) {
    case 'write':
      await world.write(one.delivery);
      return;
    case 'wait':
      world.wait(one.ms);
      return;
    case 'start':
      if (world.processes.length < MOST_PROCESSES) await world.start(one.work);
      return;
    case 'step':
      for (let left = one.steps; left > 1; left--) if (!(await world.step(one.who, one.which, 'answered'))) return;
      await world.step(one.who, one.which, one.outcome);
      return;
    case 'work': {
      await world.start(one.work);
      const last = world.processes.length - 1;
      while (await world.step(last, 0, 'answered'));
      return;
    }
    case 'late':
      await world.arriveLate(one.which);
  }
}
