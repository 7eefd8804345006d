import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ObjectStore } from '@cordwood/log-store';
import { formatRawKey, parseMinute, parseRawKey, type RawKey } from '@cordwood/s3-key-format';
import { isMisdated } from '@cordwood/log-record';
import {
  type FluentBitInstance,
  type FluentBitScenario,
  fluentBitScenario,
  type FluentBitScenarioName,
  MemoryObjectStore,
  openTestStore,
  type TestStore,
} from '@cordwood/testkit';
import { type Cycle, expectSameText, seededRandom, startCycle } from './cycle-harness.ts';

/**
 * What a real Fluent Bit uploaded around restarts, lost stores and failed uploads: names that do not sort, keys that are written
 * again, records that come twice. At every moment the text must be that part of what the program wrote that has been uploaded, in the
 * program's order, whatever is merged by then. Seeds can be replayed: `SEED=7 npm test -- corpora-restarts`.
 */

const SCENARIOS: FluentBitScenarioName[] = [
  'restart_kill_keep',
  'restart_term_loststore',
  'restart_samemin_loststore',
  'dup_store_then_503',
];
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
/** How much later than an object the log must be when that is delivered late, or again, so that its time decides its place. */
const LATE_SECONDS = 30;

let opened: TestStore;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(async () => opened.close());
beforeEach(async () => {
  const { store } = opened;
  for await (const page of store.list({ prefix: '' })) await store.deleteMany(page.objects.map(({ key }) => ({ key })));
});

interface Upload {
  readonly key: string;
  readonly body: Uint8Array;
  /** Whether it comes long after those that it stands between. */
  readonly late?: boolean;
}

interface RawLine {
  readonly time: string;
  readonly log: string;
}

const parsed = (key: string): RawKey => {
  const result = parseRawKey(key);
  if (!result.ok) throw new Error(`${key}: ${result.problem}`);
  return result.key;
};

/** The lines of a body; those of these corpora are plain, and hold one whole message each. */
const linesOf = (body: Uint8Array): string[] => Buffer.from(body).toString('latin1').split('\n').slice(0, -1);
const recordOf = (line: string): RawLine => JSON.parse(line) as RawLine;

/** The log of a scenario while it is uploaded, and what must be read of it. */
class Playback {
  readonly cycle: Cycle;
  private readonly store: ObjectStore;
  private readonly scenario: FluentBitScenario;
  private readonly delivered = new Map<string, Set<string>>();
  private readonly unmerged = new Set<string>();

  constructor(scenario: FluentBitScenario, store: ObjectStore) {
    this.store = store;
    this.scenario = scenario;
    // Small files, so that logs have several.
    this.cycle = startCycle(store, { mergedFileSize: 2048 });
  }

  async upload({ key, body }: Upload): Promise<void> {
    const { pod, containerId } = parsed(key);
    // What is not merged before its key is written again is lost: nobody could have it.
    if (this.unmerged.has(key)) await this.merge(pod);
    await this.store.put(key, body);
    this.unmerged.add(key);
    const delivered = this.delivered.get(containerId) ?? new Set();
    this.delivered.set(containerId, delivered);
    for (const line of linesOf(body)) delivered.add(`${recordOf(line).log.replace(/\n$/, '')}\n`);
  }

  async merge(pod: string): Promise<void> {
    await this.cycle.compactor.compact(pod);
    for (const key of this.unmerged) if (parsed(key).pod === pod) this.unmerged.delete(key);
  }

  /** Of all pods, or of one. */
  async expectExactTexts(when: string, only?: string): Promise<void> {
    for (const { pod, namespace, containerId, ...instance } of this.scenario.instances) {
      if (only !== undefined && pod !== only) continue;
      const delivered = this.delivered.get(containerId) ?? new Set();
      const expected = programText(instance).filter((line) => delivered.has(line));
      const text = await this.cycle.text(pod, namespace, containerId);
      expectSameText(text, expected.join(''), `${pod} ${when}, seed ${SEED.toString()}`);
    }
  }

  /** Everything merged, cleaned, and looked at again by a second round. */
  async finish(): Promise<void> {
    const pods = new Set(this.scenario.instances.map(({ pod }) => pod));
    await this.expectExactTexts('before the last merge');
    for (const pod of pods) await this.merge(pod);
    await this.expectExactTexts('after merging');
    for (const pod of pods) await this.cycle.cleaner.clean(pod);
    await this.expectExactTexts('after cleaning');
    for (const pod of pods) await this.merge(pod);
    await this.expectExactTexts('after a second round');
  }
}

/** The lines that the program wrote, with their newlines. */
const programText = ({ app, expected }: Pick<FluentBitInstance, 'app' | 'expected'>): string[] =>
  (app ?? expected).toString('latin1').match(/[^\n]*\n/g) ?? [];

/**
 * Every object cut into objects of three records, each under a key of its own: numbered in the order of arrival, with room for a second
 * delivery.
 */
function cutInThrees({ uploads }: FluentBitScenario): Upload[] {
  let index = 0;
  return uploads.flatMap(({ key, body }) => {
    const lines = linesOf(body);
    return Array.from({ length: Math.ceil(lines.length / 3) }, (_, nth) => {
      index += 10;
      return {
        key: formatRawKey({ ...parsed(key), index: index.toString() }),
        body: Buffer.from(`${lines.slice(nth * 3, nth * 3 + 3).join('\n')}\n`, 'latin1'),
      };
    });
  });
}

const again = ({ key, body }: Upload): Upload => {
  const name = parsed(key);
  return { key: formatRawKey({ ...name, index: (Number(name.index) + 1).toString() }), body };
};

const secondOf = ({ body }: Upload): number => Date.parse(recordOf(linesOf(body)[0] ?? '').time) / 1000;

/** Whether the date in the key is that of a restart: it says nothing of the order in which other files come after this one. */
const isLeftOver = (upload: Upload): boolean =>
  isMisdated(secondOf(upload), parseMinute(parsed(upload.key).date) ?? NaN);

/**
 * The same uploads with some of them delivered late, and some twice, under another key: at once, or late. Late is when the log of
 * the container instance has gone on for LATE_SECONDS: then time decides where records belong, and the order is the program's all the
 * same. (What comes late by less than the reorder window stands where it arrives.)
 */
function disturbed(uploads: readonly Upload[], random: () => number): Upload[] {
  const deliveries = new Map<string, number>();
  for (const line of uploads.flatMap(({ body }) => linesOf(body)))
    deliveries.set(line, (deliveries.get(line) ?? 0) + 1);
  const end = new Map(uploads.map((upload) => [parsed(upload.key).containerId, secondOf(upload)]));
  const played: Upload[] = [];
  let held: Upload[] = [];
  for (const upload of uploads) {
    const { containerId } = parsed(upload.key);
    const mayBeLate = secondOf(upload) + LATE_SECONDS <= (end.get(containerId) ?? 0);
    // Else it would be its second delivery that comes first, with a name that claims to follow what came before.
    const isDeliveredOnce = linesOf(upload.body).every((line) => deliveries.get(line) === 1);
    const isDelayed = mayBeLate && isDeliveredOnce && random() < 0.2;
    if (isDelayed) held.push({ ...upload, late: true });
    else {
      played.push(upload);
      const isLate = (each: Upload): boolean =>
        parsed(each.key).containerId === containerId &&
        secondOf(each) + LATE_SECONDS <= secondOf(upload) &&
        !isLeftOver(upload) &&
        random() < 0.5;
      const late = new Set(held.filter(isLate));
      played.push(...late);
      held = held.filter((each) => !late.has(each));
      if (random() < 0.1) played.push(again(upload));
    }
    if (mayBeLate && random() < 0.1) held.push({ ...again(upload), late: true });
  }
  return [...played, ...held];
}

interface PlayOptions {
  readonly store: ObjectStore;
  readonly random: () => number;
  /** How often an upload is followed by a merge. */
  readonly mergeRate: number;
  /** How often the text is read; default: after every upload. */
  readonly readRate?: number;
  readonly mergeBeforeLate?: boolean;
  readonly beforeUpload?: () => void;
}

async function expectExactPlayback(
  scenario: FluentBitScenario,
  uploads: readonly Upload[],
  { store, random, mergeRate, readRate = 1, mergeBeforeLate = false, beforeUpload }: PlayOptions,
): Promise<void> {
  const playback = new Playback(scenario, store);
  for (const upload of uploads) {
    const { pod } = parsed(upload.key);
    beforeUpload?.();
    if (mergeBeforeLate && upload.late === true) await playback.merge(pod);
    await playback.upload(upload);
    if (random() < mergeRate) await playback.merge(pod);
    if (random() < readRate) await playback.expectExactTexts(`after ${upload.key}`, pod);
  }
  await playback.finish();
  for await (const page of store.list({ prefix: 'kube.' })) expect(page.objects).toEqual([]);
}

describe.each(SCENARIOS)('%s', (name) => {
  const scenario = fluentBitScenario(name);

  test('every message is a line of its own, so that the text tells what was delivered', () => {
    for (const instance of scenario.instances) {
      const lines = programText(instance);
      expect(new Set(lines).size).toBe(lines.length);
    }
  });

  test.each([0, 0.3, 1])('as uploaded, merged with a probability of %d after each object', async (mergeRate) => {
    await expectExactPlayback(scenario, scenario.uploads, {
      store: opened.store,
      mergeRate,
      random: seededRandom(SEED),
    });
  });

  const cut = cutInThrees(scenario);

  test('in objects of three records, some late, some twice, merged at random points', async () => {
    const random = seededRandom(SEED);
    // The store tells arrival to the second, and here all come within a few: what is merged came first.
    const options = { store: opened.store, mergeRate: 0.1, mergeBeforeLate: true, readRate: 0.1, random };
    await expectExactPlayback(scenario, disturbed(cut, random), options);
  });

  test.each([0, 1])('the same, a second between uploads, seed + %d', async (nth) => {
    const random = seededRandom(SEED + nth);
    const store = new MemoryObjectStore();
    const beforeUpload = (): void => void (store.clock += 1000);
    const mergeRate = random() / 2;
    const options = { store, mergeRate, readRate: 0.3, random, beforeUpload };
    await expectExactPlayback(scenario, disturbed(cut, random), options);
  });
});

test('what was overwritten before it was merged is lost, and nothing else', async () => {
  const { uploads, instances } = fluentBitScenario('restart_samemin_loststore');
  for (const { key, body } of uploads) await opened.store.put(key, body);
  const cycle = startCycle(opened.store);
  for (const { pod, namespace, containerId, expected } of instances) {
    const left = expected.toString('latin1');
    expectSameText(await cycle.text(pod, namespace, containerId), left, `${pod}, raw`);
    await cycle.compactor.compact(pod);
    expectSameText(await cycle.text(pod, namespace, containerId), left, `${pod}, merged`);
  }
});
