import { MetadataStore } from '@cordwood/log-store';
import { applyFence, parsePodMetadata, type PodMetadata } from '@cordwood/pod-metadata';
import { MemoryObjectStore } from '@cordwood/testkit';
import { CORPUS_START } from '../../corpus.ts';
import { median } from '../../statistics.ts';

/** What metadata with so many merged files weighs, and what reading and committing it takes of the processor. */
export interface MetadataCost {
  readonly files: number;
  readonly bytes: number;
  readonly readMs: number;
  readonly commitMs: number;
}

const POD = 'job-with-history';
const REPEATS = 3;

/** Metadata as merging wrote it, with its entries repeated under other keys up to so many. */
export async function measureMetadata(sample: string, files: readonly number[]): Promise<MetadataCost[]> {
  const store = new MemoryObjectStore(CORPUS_START);
  const metadata = new MetadataStore(store);
  const pattern = parsePodMetadata(sample);
  const results: MetadataCost[] = [];
  for (const count of files) {
    let version = await metadata.read(POD);
    version = await metadata.commit(POD, version, withFiles(pattern, count, `of-${count}`));
    const readMs: number[] = [];
    const commitMs: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const read = await cpuMs(async () => metadata.read(POD));
      const next = applyFence(read.result.metadata, { commitId: `${count} ${repeat}` });
      const commit = await cpuMs(async () => metadata.commit(POD, read.result, next));
      readMs.push(read.ms);
      commitMs.push(commit.ms);
    }
    const bytes = store.objects.get(`metadata/${POD}.json`)?.size ?? 0;
    results.push({ files: count, bytes, readMs: median(readMs), commitMs: median(commitMs) });
  }
  return results;
}

function withFiles(pattern: PodMetadata, count: number, commitId: string): PodMetadata {
  const { log_files: known } = pattern;
  if (known.length === 0) throw new Error('the sample lists no file');
  const files = Array.from({ length: count }, (_, index) => {
    // All have the same length, and none the same key.
    const file = known[index % known.length] ?? known[0];
    if (file === undefined) throw new Error('the sample lists no file');
    return {
      ...file,
      key: file.key.replace(/\d+(?=\.gz$)/, (digits) => index.toString().padStart(digits.length, '0')),
    };
  });
  return { ...pattern, log_files: files, commit_id: commitId };
}

async function cpuMs<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1e3, result };
}
