import { expect } from '@jest/globals';
import { LogReader, MetadataStore, type ObjectStore } from '@cordwood/log-store';
import { Cleaner, type CleanerOptions } from './cleaner.ts';
import { Compactor } from './compactor.ts';
import { type CompactionOptions, DEFAULT_LIMITS } from './options.ts';
import { PoisonedPool } from './poisoned-pool.ts';

/** For specs: a bucket with a compactor, a cleaner and a reader at work on it. */
export interface Cycle {
  readonly options: CompactionOptions & CleanerOptions;
  readonly compactor: Compactor;
  readonly cleaner: Cleaner;
  readonly reader: LogReader;
  /** Damage and stray objects that were reported. */
  readonly reports: { readonly key: string; readonly reason: string }[];
  /** The text of one container instance, or of all of a namespace's. */
  text(pod: string, namespace: string, containerId?: string): Promise<string>;
}

export function startCycle(
  store: ObjectStore,
  changes: Partial<
    CompactionOptions & CleanerOptions & { maxMessage: number; lookBack: number; readAhead: number }
  > = {},
): Cycle {
  const reports: { key: string; reason: string }[] = [];
  const options = {
    store,
    metadata: new MetadataStore(store),
    reorderWindow: 10_000,
    mergedFileSize: 10 * 1024 * 1024,
    maxRecord: 16 * 1024 * 1024,
    maxMessage: 1024 * 1024,
    legacyNamespace: undefined,
    cleanupDelay: 0,
    orphanAge: 60_000,
    limits: DEFAULT_LIMITS,
    onDamage: ({ key, reason }: { key: string; reason: string }) => void reports.push({ key, reason }),
    onStray: ({ key, problem }: { key: string; problem: string }) => void reports.push({ key, reason: problem }),
    ...changes,
  };
  const reader = new LogReader(options);
  return {
    options,
    reports,
    reader,
    compactor: new Compactor({ ...options, buffers: new PoisonedPool() }),
    cleaner: new Cleaner(options),
    async text(pod, namespace, containerId) {
      const log = await reader.open(pod);
      const instances = log.instances.filter(
        (instance) =>
          instance.namespace === namespace && (containerId === undefined || instance.containerId === containerId),
      );
      return readAll(reader.text(instances));
    },
  };
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString('latin1');
}

/** Like `toBe`, with a failure that shows the first line that differs instead of megabytes. */
export function expectSameText(actual: string, expected: string, what: string): void {
  if (actual === expected) return;
  const got = actual.split('\n');
  const wanted = expected.split('\n');
  const line = wanted.findIndex((text, index) => text !== got[index]);
  const around = (lines: string[]): string[] =>
    lines.slice(Math.max(0, line - 1), line + 3).map((text) => text.slice(0, 200));
  expect({ what, line, text: around(got), length: actual.length }).toEqual({
    what,
    line,
    text: around(wanted),
    length: expected.length,
  });
}

/** Numbers from 0 to 1 that a seed determines. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
