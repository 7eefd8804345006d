import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { formatRawKey, parseRawKey } from '@cordwood/s3-key-format';
import {
  fluentBitScenario,
  type FluentBitScenario,
  type FluentBitScenarioName,
  openTestStore,
  type TestStore,
} from '@cordwood/testkit';
import { type Cycle, expectSameText, seededRandom, startCycle } from './cycle-harness.ts';

/**
 * What a real Fluent Bit uploaded, object by object in order of arrival: the text must be right to the byte before, between and
 * after merging and cleaning. Seeds can be replayed: `SEED=7 npm test -- corpora`.
 */

const SCENARIOS: FluentBitScenarioName[] = [
  'a_theirs',
  'a_nok8s',
  'b_gzip',
  'bulk_mini',
  'e_multiline_cri',
  'a_mergekey',
  'k8s_annotations',
  'short',
  'late_503',
];
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));

let opened: TestStore;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(async () => opened.close());

interface Upload {
  readonly key: string;
  readonly body: Uint8Array;
}

const podOf = (key: string): string => {
  const parsed = parseRawKey(key);
  if (!parsed.ok) throw new Error(`${key}: ${parsed.problem}`);
  return parsed.key.pod;
};

/** Every object cut into objects of three records, numbered anew in order of arrival. */
function cutInThrees(scenario: FluentBitScenario): Upload[] {
  let index = 0;
  return scenario.uploads.flatMap(({ key, body }) => {
    const parsed = parseRawKey(key);
    if (!parsed.ok) throw new Error(`${key}: ${parsed.problem}`);
    const text = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
    const lines = text.toString('latin1').split('\n').slice(0, -1);
    const uploads: Upload[] = [];
    for (let at = 0; at < lines.length; at += 3) {
      uploads.push({
        key: formatRawKey({ ...parsed.key, index: String(index++) }),
        body: Buffer.from(`${lines.slice(at, at + 3).join('\n')}\n`, 'latin1'),
      });
    }
    return uploads;
  });
}

async function expectExactTexts(cycle: Cycle, scenario: FluentBitScenario, when: string): Promise<void> {
  for (const { pod, namespace, containerId, expected } of scenario.instances) {
    const text = await cycle.text(pod, namespace, containerId);
    expectSameText(text, expected.toString('latin1'), `${pod} ${containerId} ${when}, seed ${SEED.toString()}`);
  }
}

async function emptyBucket(): Promise<void> {
  const { store } = opened;
  for await (const page of store.list({ prefix: '' })) await store.deleteMany(page.objects.map(({ key }) => ({ key })));
}

/** Uploads in order, merging (and so cleaning what was merged before) at random points when `mergeRate` is above 0. */
async function play(cycle: Cycle, uploads: readonly Upload[], mergeRate: number): Promise<Set<string>> {
  const random = seededRandom(SEED);
  const pods = new Set<string>();
  for (const { key, body } of uploads) {
    await opened.store.put(key, body);
    const pod = podOf(key);
    pods.add(pod);
    if (random() < mergeRate) await cycle.compactor.compact(pod);
  }
  return pods;
}

async function expectExactCycle(
  scenario: FluentBitScenario,
  uploads: readonly Upload[],
  mergeRate: number,
): Promise<void> {
  await emptyBucket();
  // Small files, so that logs have several.
  const cycle = startCycle(opened.store, { mergedFileSize: 64 * 1024 });
  const pods = await play(cycle, uploads, mergeRate);
  await expectExactTexts(cycle, scenario, 'before the last merge');
  for (const pod of pods) await cycle.compactor.compact(pod);
  await expectExactTexts(cycle, scenario, 'after merging');
  for (const pod of pods) await cycle.cleaner.clean(pod);
  await expectExactTexts(cycle, scenario, 'after cleaning');
  for (const pod of pods) await cycle.compactor.compact(pod);
  await expectExactTexts(cycle, scenario, 'after a second round');
}

describe.each(SCENARIOS)('%s', (name) => {
  const scenario = fluentBitScenario(name);

  test('as uploaded', async () => expectExactCycle(scenario, scenario.uploads, 0));
  test('as uploaded, merged at random points', async () => expectExactCycle(scenario, scenario.uploads, 0.5));
  test('in objects of three records, merged at random points', async () =>
    expectExactCycle(scenario, cutInThrees(scenario), 0.2));
});
