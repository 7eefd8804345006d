import { beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Part } from '@cordwood/log-record';
import { applyMerge } from '@cordwood/pod-metadata';
import { MemoryObjectStore } from '@cordwood/testkit';
import { LogReader } from './log-reader.ts';
import { MergedWriter } from './merged-writer.ts';
import { MetadataStore } from './metadata-store.ts';
import { collect, CONTAINER_ID, type Line, messageOf, rawKey, rawText, recordsOf, WINDOW } from './spec-support.ts';

const POD = 'job-a';

let store: MemoryObjectStore;
let metadata: MetadataStore;
let replaced: number;
beforeEach(() => {
  store = new MemoryObjectStore();
  metadata = new MetadataStore(store);
  replaced = 0;
});

const reader = (readAhead?: number): LogReader =>
  new LogReader({
    readAhead,
    store,
    metadata,
    reorderWindow: WINDOW,
    maxRecord: 10_000_000,
    maxMessage: 100_000,
    legacyNamespace: undefined,
    onDamage: ({ key, reason }) => {
      throw new Error(`${key}: ${reason}`);
    },
    onReplaced: () => replaced++,
  });

/** Merges the lines to files of so many bytes, which take the place of all there are. */
async function putMerged(lines: readonly Line[], limit: number): Promise<void> {
  store.clock += 1000;
  const before = await metadata.read(POD);
  const known = before.metadata.log_files;
  const merge = store.clock.toString();
  const writer = new MergedWriter({
    store,
    pod: POD,
    namespace: 'team',
    container: 'main',
    containerId: CONTAINER_ID,
    run: 0,
    tail: [],
    known,
    merge,
    rewriteTail: false,
    limit,
    uniqueIndex: () => `${merge}${store.objects.size.toString()}`,
  });
  for (const line of lines) await writer.write({}, recordsOf([line]));
  const { written } = await writer.finish({});
  const gone = known.map(({ key }) => key);
  const done = { written, replaced: gone, mergedRaw: [], damaged: [] };
  await metadata.commit(POD, before, applyMerge(before.metadata, done, { commitId: merge, now: store.clock }));
  await store.deleteMany(gone.map((key) => ({ key })));
}

const text = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString();
/** A joined line stands where its last part came, unfinished ones at the end. */
function expected(lines: readonly Line[]): string {
  const open = new Map<boolean, string>();
  const whole: string[] = [];
  for (const { log, part = 'F', stderr = false } of lines) {
    const before = part === '' ? '' : (open.get(stderr) ?? '');
    if (part === 'P') open.set(stderr, before + log);
    else whole.push(before + log);
    if (part === 'F') open.delete(stderr);
  }
  return [...whole, ...open.values()].map((line) => `${line}\n`).join('');
}

test('a log is text as soon as it is inflated, what is not merged too', async () => {
  const lines = Array.from({ length: 4000 }, (_, at): Line => ({
    at,
    log: `line ${at.toString()}`,
    stderr: at % 3 === 0,
  }));
  await putMerged(lines.slice(0, 3000), 1_000_000);
  await store.put(rawKey('202611201050', 1), Buffer.from(rawText(lines.slice(3000))));
  const { instances } = await reader().open(POD);
  const shown = await collect(reader().shown(instances, {}));
  const ofFile = shown.map((some) =>
    'text' in some ? text([some.text]) : expected(some.messages.map((record) => ({ at: 0, log: messageOf(record) }))),
  );
  expect(ofFile.join('')).toBe(expected(lines));
  // The beginning of a raw file tells where it belongs, by its records.
  const records = shown.flatMap((some) => ('text' in some ? [] : some.messages));
  expect(records.length).toBeLessThan(100);
  expect(records.map(messageOf)[0]).toBe('line 3000');
});

test('a text goes on where it was when its files are replaced between any two of its chunks', async () => {
  const line = fc.record({
    pause: fc.constantFrom(0, 0, 1),
    log: fc.constantFrom('same', 'other', 'x'.repeat(300)),
    stderr: fc.boolean(),
    part: fc.constantFrom<Part>('', '', '', 'F', 'P'),
  });
  const limit = fc.constantFrom(100, 400, 2000, 1_000_000);
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 30 }),
      limit,
      limit,
      fc.nat(30),
      fc.constantFrom(undefined, 0),
      async (some, first, second, after, readAhead) => {
        store = new MemoryObjectStore();
        metadata = new MetadataStore(store);
        let at = 0;
        const lines = some.map(({ pause, ...rest }): Line => ({ ...rest, at: (at += pause) }));
        await putMerged(lines, first);
        const { instances } = await reader().open(POD);
        const chunks: Uint8Array[] = [];
        for await (const chunk of reader(readAhead).text(instances)) {
          chunks.push(chunk);
          if (chunks.length === after) await putMerged(lines, second);
        }
        expect(text(chunks)).toBe(expected(lines));
      },
    ),
    { numRuns: 300 },
  );
  expect(replaced).toBeGreaterThan(0);
});
