import { setTimeout as sleep } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Cleaner, Compactor, DEFAULT_LIMITS } from '@cordwood/compaction';
import { createS3ObjectStore, LogReader, MetadataStore, podsWithRawFiles } from '@cordwood/log-store';
import { type Task, type TaskResult } from './task.ts';

/**
 * One task in a process of its own, as a worker or a reader would do it, without queue and HTTP: gives CPU time, peak memory and
 * requests of just that. The task comes as the first argument, the result goes to standard output, both as JSON.
 */
const task = JSON.parse(process.argv[2] ?? '{}') as Task;
const requests: Record<string, number> = {};
const store = createS3ObjectStore({
  bucket: process.env['LOGS_BUCKET'] ?? 'logs',
  forcePathStyle: true,
  onRequest: ({ operation }) => {
    requests[operation] = (requests[operation] ?? 0) + 1;
  },
});
await store.probe();
for (const operation of Object.keys(requests)) requests[operation] = 0;

const options = {
  store,
  metadata: new MetadataStore(store),
  reorderWindow: 10_000,
  mergedFileSize: 10 * 1024 * 1024,
  maxRecord: 16 * 1024 * 1024,
  maxMessage: 1024 * 1024,
  legacyNamespace: undefined,
  cleanupDelay: 0,
  orphanAge: 6 * 3_600_000,
  limits: DEFAULT_LIMITS,
  onDamage: ({ key, reason }: { key: string; reason: string }) => {
    throw new Error(`${key}: ${reason}`);
  },
  onStray: ({ key }: { key: string }) => {
    throw new Error(`stray ${key}`);
  },
};

async function inParallel(
  pods: readonly string[],
  width: number,
  run: (pod: string) => Promise<unknown>,
): Promise<void> {
  const rest = [...pods];
  const lane = async (): Promise<void> => {
    for (let pod = rest.pop(); pod !== undefined; pod = rest.pop()) await run(pod);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

let outputBytes = 0;
async function perform(): Promise<void> {
  if (task.kind === 'merge') {
    const compactor = new Compactor({ ...options, cleanupDelay: 3_600_000 });
    await inParallel(task.pods, task.concurrency, async (pod) => {
      const { mergedBytes, rewrittenBytes } = await compactor.compact(pod);
      outputBytes += mergedBytes - rewrittenBytes;
    });
  } else if (task.kind === 'clean') {
    const cleaner = new Cleaner(options);
    await inParallel(task.pods, task.concurrency, async (pod) => cleaner.clean(pod));
  } else if (task.kind === 'scan') {
    for await (const page of podsWithRawFiles(store)) outputBytes += page.pods.length;
  } else {
    const reader = new LogReader(options);
    for (const pod of task.pods) {
      const log = await reader.open(pod);
      for await (const chunk of reader.text(log.instances)) outputBytes += chunk.length;
    }
  }
}

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const cpuBefore = process.cpuUsage();
const wallBefore = performance.now();
await perform();
const cpu = process.cpuUsage(cpuBefore);
delay.disable();
const result: TaskResult = {
  cpuSeconds: (cpu.user + cpu.system) / 1e6,
  wallSeconds: (performance.now() - wallBefore) / 1000,
  peakRssMb: process.resourceUsage().maxRSS / 1024,
  longestStallMs: delay.max / 1e6,
  requests,
  outputBytes,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await sleep(0);
process.exit(0);
