import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectStore } from '@cordwood/log-store';
import { Redis } from 'ioredis';
import { rawPrefix } from './keys.ts';
import { keysBelow, readMetadata } from './merged.ts';

/** Job retries with their pauses (80 s the longest), locks of dead workers and orphans all have their time in it. */
const SETTLE_MS = 300_000;

/**
 * Waits until nothing is left to be done: no raw file, `data/` holds what the metadata lists, nothing waits for deletion, no job has
 * failed for good. Gives what is still in the way when the time is over.
 */
export async function settle(store: ObjectStore, redisUrl: string, pods: readonly string[]): Promise<string[]> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  try {
    const until = performance.now() + SETTLE_MS;
    let left = [...pods];
    let problems: string[] = [];
    for (;;) {
      problems = [];
      const busy: string[] = [];
      for (const pod of left) {
        const problem = await unsettled(store, pod);
        if (problem === undefined) continue;
        busy.push(pod);
        problems.push(`${pod}: ${problem}`);
      }
      left = busy;
      problems.push(...(await failedJobs(redis)));
      if (problems.length === 0 || performance.now() > until) return problems;
      await delay(1_000);
    }
  } finally {
    redis.disconnect();
  }
}

/** What a pod still waits for. */
export async function unsettled(store: ObjectStore, pod: string): Promise<string | undefined> {
  const raw = await keysBelow(store, rawPrefix(pod));
  if (raw.length > 0) return `${raw.length} raw files, such as ${raw[0] ?? ''}`;
  const metadata = await readMetadata(store, pod);
  if (metadata === undefined) return 'no metadata';
  const { log_files, merged_raw, superseded } = metadata;
  if (merged_raw.length > 0) return `${merged_raw.length} in merged_raw, such as ${merged_raw[0]?.key ?? ''}`;
  if (superseded.length > 0) return `${superseded.length} in superseded, such as ${superseded[0]?.key ?? ''}`;
  const listed = new Set(log_files.map(({ key }) => key));
  const stored = await keysBelow(store, `data/${pod}/`);
  const orphan = stored.find((key) => !listed.has(key));
  if (orphan !== undefined) return `the orphan ${orphan}`;
  const missing = [...listed].find((key) => !stored.includes(key));
  return missing === undefined ? undefined : `listed and not there: ${missing}`;
}

async function failedJobs(redis: Redis): Promise<string[]> {
  const problems: string[] = [];
  for (const queue of ['compaction', 'cleanup']) {
    const ids = await redis.zrange(`{cordwood}:${queue}:failed`, '0', '2');
    if (ids.length > 0) problems.push(`failed jobs in the queue ${queue}, such as ${ids.join(', ')}`);
  }
  return problems;
}
