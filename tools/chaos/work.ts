import type { App, AppLine } from './app.ts';
import type { Counts } from './counts.ts';

/** What the workers say that they did. */
export class Work {
  readonly #counts: Counts;
  /** When files of a pod were deleted (ms of `performance.now()`), the last time. */
  readonly #cleanedAt = new Map<string, number>();

  constructor(counts: Counts) {
    this.#counts = counts;
  }

  hear(app: App, line: AppLine): void {
    const { message, pod } = line;
    const number = (field: string): number => Number(line[field] ?? 0);
    if (line['level'] === 'error') this.#counts.add('error lines', `${app.program}: ${String(message)}`);
    if (message === 'store self-test') this.#counts.add('work', 'self-tests');
    if (message !== 'pod compacted' && message !== 'pod cleaned') return;
    if (number('rawFiles') > 0) {
      this.#counts.add('work', 'merges');
      this.#counts.add('work', 'raw files merged', number('rawFiles'));
      this.#counts.add('work', 'records merged', number('records'));
    }
    const raw = number('deletedRaw');
    const replaced = number('deletedSuperseded');
    const orphans = number('deletedOrphans');
    if (raw + replaced + orphans === 0) return;
    this.#counts.add('work', `cleanings by ${app.program}`);
    this.#counts.add('work', 'raw files deleted', raw);
    this.#counts.add('work', 'replaced files deleted', replaced);
    this.#counts.add('work', 'orphans deleted', orphans);
    if (raw + replaced > 0) this.#cleanedAt.set(String(pod), line.at);
  }

  /** Whether files of the pod were deleted after that. */
  cleanedSince(pod: string, since: number): boolean {
    return (this.#cleanedAt.get(pod) ?? -Infinity) > since;
  }
}
