import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryObjectStore } from '@cordwood/testkit';
import { metadataKey } from '@cordwood/s3-key-format';
import { type Cycle, startCycle } from '../cycle-harness.ts';
import { NAMESPACE, POD, rawBody, rawKey } from '../raw-writer.ts';
import { rebuildMetadata } from './rebuild.ts';

/**
 * Pod metadata is lost at any moment of a pod's life and rebuilt from what lies in the bucket: the log must be the same, to the byte.
 */

class Crash extends Error {}

/** What happens to a pod. Seconds and uploads are counted back from the newest. */
type Event =
  | { readonly do: 'upload'; readonly seconds: readonly number[]; readonly late: number }
  /** An upload repeated, with records more that may stand before what has come since. */
  | { readonly do: 'copy'; readonly back: number; readonly more: readonly number[] }
  | { readonly do: 'merge' | 'clean' | 'lose a merge' }
  | { readonly do: 'die'; readonly at: number }
  | { readonly do: 'wait'; readonly seconds: number };

const someSeconds = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 6 });
const eventWith = (copies: boolean): fc.Arbitrary<Event> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('upload' as const), seconds: someSeconds, late: fc.constant(0) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('upload' as const),
        seconds: someSeconds,
        late: fc.integer({ min: 1, max: 200 }),
      }),
    },
    {
      weight: copies ? 2 : 0,
      arbitrary: fc.record({
        do: fc.constant('copy' as const),
        back: fc.nat({ max: 5 }),
        more: fc.array(fc.nat({ max: 20 }), { maxLength: 3 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('merge' as const, 'clean' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('lose a merge' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('die' as const), at: fc.nat({ max: 12 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 120 }) }),
    },
  );

const DELAY = 60_000;

/** Plays a history on a bucket of its own. */
class Player {
  readonly store = new MemoryObjectStore();
  readonly cycle: Cycle;
  private second = 1000;
  private index = 0;
  private readonly uploads: number[][] = [];

  constructor(mergedFileSize: number, files: number) {
    this.cycle = startCycle(this.store, {
      cleanupDelay: DELAY,
      orphanAge: 100 * DELAY,
      mergedFileSize,
      limits: { keepUpTo: 1000, keptBytes: 2000, files },
    });
  }

  async play(events: readonly Event[]): Promise<void> {
    for (const each of events) await this.one(each);
  }

  async text(): Promise<string> {
    return this.cycle.text(POD, NAMESPACE);
  }

  /** Metadata is lost, or cannot be read; it is rebuilt. */
  async rebuild(): Promise<void> {
    this.store.objects.delete(metadataKey(POD));
    const { metadata } = this.cycle.options;
    const rebuilt = await rebuildMetadata(this.cycle.options, POD);
    if (rebuilt !== undefined) await metadata.commit(POD, await metadata.read(POD), rebuilt);
  }

  private async one(event: Event): Promise<void> {
    this.store.clock += 1000;
    if (event.do === 'upload') {
      if (event.late === 0) this.second += 30;
      // No two uploads have a record in common, unless one is a copy.
      const start = this.second - event.late + this.index / 1000;
      await this.upload(event.seconds.toSorted((a, b) => a - b).map((second) => start + second));
    } else if (event.do === 'copy') {
      const copied = this.uploads.at(-1 - event.back);
      if (copied === undefined) return;
      await this.upload([...copied, ...event.more.map((second) => this.second + second)].toSorted((a, b) => a - b));
    } else if (event.do === 'merge') await this.cycle.compactor.compact(POD);
    else if (event.do === 'clean') await this.cycle.cleaner.clean(POD);
    else if (event.do === 'wait') this.store.clock += event.seconds * 1000;
    else if (event.do === 'die') await this.die(event.at);
    else await this.loseAMerge();
  }

  private async upload(seconds: number[]): Promise<void> {
    this.uploads.push(seconds);
    await this.store.put(rawKey(seconds[0] ?? 0, this.index++), rawBody(seconds));
  }

  /** A compaction dies at its nth request; what it has stored stays. */
  private async die(n: number): Promise<void> {
    let left = n;
    this.store.before = () => {
      if (left-- <= 0) throw new Crash();
    };
    await this.cycle.compactor.compact(POD).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error;
    });
    this.store.before = () => undefined;
  }

  /** Another worker merges, with a file more, just before this one commits. */
  private async loseAMerge(): Promise<void> {
    this.store.before = async (operation, key) => {
      if (operation !== 'put' || !key.startsWith('metadata/')) return;
      this.store.before = () => undefined;
      await this.one({ do: 'upload', seconds: [1, 2], late: 0 });
      await this.cycle.compactor.compact(POD);
    };
    await this.cycle.compactor.compact(POD);
    this.store.before = () => undefined;
  }
}

const RUNS = Number(process.env['RUNS'] ?? 100);

const check = async (copies: boolean, look: (player: Player) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(
      fc.array(eventWith(copies), { maxLength: 25 }),
      fc.constantFrom(300, 1000, 1_000_000),
      fc.constantFrom(2, 500),
      async (history, mergedFileSize, files) => {
        const player = new Player(mergedFileSize, files);
        await player.play(history);
        await look(player);
      },
    ),
    { numRuns: RUNS },
  );

const THE_CYCLE: readonly Event[] = [{ do: 'merge' }, { do: 'wait', seconds: 120 }, { do: 'clean' }, { do: 'merge' }];

const sorted = (text: string): string[] => text.split('\n').toSorted();

test('rebuilt at any moment, the log is the same to the byte; later merges lose and double nothing', async () => {
  await check(false, async (player) => {
    const before = await player.text();
    await player.rebuild();
    expect(await player.text()).toBe(before);
    await player.play(THE_CYCLE);
    expect(sorted(await player.text())).toEqual(sorted(before));
    await player.rebuild();
    expect(sorted(await player.text())).toEqual(sorted(before));
  });
});

/**
 * Uploads that are repeated make the order of late records depend on what was merged together, with or without a loss; what is there
 * does not.
 */
test('with uploads that are repeated nothing is lost or doubled either', async () => {
  await check(true, async (player) => {
    const before = sorted(await player.text());
    await player.rebuild();
    expect(sorted(await player.text())).toEqual(before);
    await player.play(THE_CYCLE);
    expect(sorted(await player.text())).toEqual(before);
    await player.rebuild();
    expect(sorted(await player.text())).toEqual(before);
  });
});

test('what is not needed is deleted like any replaced file, after the delay', async () => {
  const player = new Player(1_000_000, 500);
  const upload: Event = { do: 'upload', seconds: [0, 1], late: 0 };
  await player.play([upload, { do: 'merge' }, upload, { do: 'merge' }]);
  const dataFiles = (): string[] => [...player.store.objects.keys()].filter((key) => key.startsWith('data/'));
  expect(dataFiles()).toHaveLength(2);
  await player.rebuild();
  const read = async () => (await player.cycle.options.metadata.read(POD)).metadata;
  const { log_files, superseded, merged_raw } = await read();
  expect([log_files.length, superseded.length, merged_raw.length]).toEqual([1, 1, 2]);
  await player.play([{ do: 'wait', seconds: 30 }, { do: 'clean' }]);
  expect(dataFiles()).toHaveLength(2);
  await player.play([{ do: 'wait', seconds: 60 }, { do: 'clean' }]);
  expect(dataFiles()).toEqual(log_files.map(({ key }) => key));
  expect(await read()).toMatchObject({ superseded: [], merged_raw: [] });
});
