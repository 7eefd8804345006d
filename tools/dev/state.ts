import type { ObjectStore } from '@cordwood/log-store';
import type { Queues } from '@cordwood/queues';
import { MERGED_PREFIX, METADATA_PREFIX, RAW_PREFIX } from '@cordwood/s3-key-format';
import type { Samples } from './samples.ts';

/** The system's state at a glance, as one line. */
export type AskState = (signal: AbortSignal) => Promise<string>;

export interface StateOptions {
  readonly store: ObjectStore;
  readonly queues: Pick<Queues, 'counts'>;
  readonly readerUrl: string;
  /** Undefined: there are none. */
  readonly samples: Pick<Samples, 'stored' | 'since'> | undefined;
}

export function createState({ store, queues, readerUrl, samples }: StateOptions): AskState {
  const countReadable = samples && createReadableCounter(samples, readerUrl);
  return async (signal) => {
    const [raw, merged, jobs] = await Promise.all(
      [RAW_PREFIX, MERGED_PREFIX, METADATA_PREFIX].map((prefix) => countKeys(store, prefix, signal)),
    );
    const parts = [`raw files ${raw}`, `merged files ${merged}`, `jobs merged ${jobs}`];
    const counts = await queues.counts().catch(() => undefined);
    for (const name of ['compaction', 'cleanup'] as const) {
      const count = counts?.[name];
      const failed = count !== undefined && count.failed > 0 ? `, FAILED ${count.failed}` : '';
      parts.push(`${name} ${count === undefined ? '?' : count.waiting + count.active + count.delayed}${failed}`);
    }
    if (countReadable) {
      const { written, readable } = await countReadable(signal);
      parts.push(`sample lines ${written} stored, ${readable ?? '?'} readable`);
    }
    return parts.join(' │ ');
  };
}

async function countKeys(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const page of store.list({ prefix, signal })) count += page.objects.length;
  return count;
}

/**
 * Reads all sample logs and counts their lines. As they grow it does so less often, and then gives the numbers of the last time: both
 * are of the same moment, so that they can be compared.
 */
function createReadableCounter({ stored, since }: Pick<Samples, 'stored' | 'since'>, readerUrl: string) {
  let last: { written: number; readable: number | undefined } = { written: 0, readable: undefined };
  let notBefore = 0;
  return async (signal: AbortSignal) => {
    if (performance.now() < notBefore) return last;
    const startedAt = performance.now();
    const before = [...stored];
    try {
      let readable = 0;
      for (const [name, lines] of before) {
        const found = await countLines(name, { readerUrl, since, signal });
        // Those stored meanwhile may be among them, and do not count.
        readable += found >= lines && found <= (stored.get(name) ?? 0) ? lines : found;
      }
      last = { written: before.reduce((sum, [, lines]) => sum + lines, 0), readable };
    } catch {
      last = { written: last.written, readable: undefined };
    }
    notBefore = performance.now() + 20 * (performance.now() - startedAt);
    return last;
  };
}

interface CountOptions {
  readonly readerUrl: string;
  /** Lines of earlier runs do not count. */
  readonly since: string;
  readonly signal: AbortSignal;
}

async function countLines(name: string, { readerUrl, since, signal }: CountOptions): Promise<number> {
  const [pod = '', container = ''] = name.split('/');
  const query = new URLSearchParams({ container, since });
  const answer = await fetch(`${readerUrl}/api/v1/jobs/${pod}/log?${query.toString()}`, { signal });
  if (!answer.ok || answer.body === null) throw new Error(`${answer.status}`);
  let count = 0;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++;
  }
  return count;
}
