import { RECORDS_BY_LINE, type RawUpload, type WrittenRecord } from './written-log.ts';

/** One version of a raw object: what was written under a key at a moment. */
interface Version extends RawUpload {
  readonly etag: string;
  readonly writtenAt: number;
  /** Whether committed metadata has ever listed it as merged. */
  merged: boolean;
  /** Whether another version took its place before it was merged: then nobody can be asked for it. */
  lost: boolean;
}

/** A moment in the history, for {@link Oracle.check}. */
export type Moment = number;

/**
 * A plain list of what was written, and what a reader must find. It knows nothing of how logs are stored, but which versions of raw
 * objects committed metadata has listed as merged: that is what decides whether one that is overwritten may be lost.
 */
export class Oracle {
  private readonly versions: Version[] = [];
  private moment: Moment = 0;

  now(): Moment {
    return ++this.moment;
  }

  wrote(upload: RawUpload, etag: string): void {
    for (const version of this.versions) {
      if (version.key === upload.key && version.etag !== etag && !version.merged) version.lost = true;
    }
    this.versions.push({
      ...upload,
      etag,
      writtenAt: this.now(),
      merged: this.isMerged(upload.key, etag),
      lost: false,
    });
  }

  /** Takes note of what committed metadata lists as merged; the JSON as it is stored. */
  committed(metadata: string): void {
    const { merged_raw } = JSON.parse(metadata) as { merged_raw: { key: string; etag: string }[] };
    for (const { key, etag } of merged_raw) {
      const listed = this.versions.filter((version) => version.key === key && version.etag === etag);
      if (listed.length === 0) throw new Error(`merged, and never written: ${key} ${etag}`);
      for (const version of listed) version.merged = true;
    }
  }

  isMerged(key: string, etag: string): boolean {
    return this.versions.some((version) => version.key === key && version.etag === etag && version.merged);
  }

  /** Versions that could not be read whole, and were merged as far as they could. */
  mergedDamaged(): RawUpload[] {
    return this.versions.filter(({ merged, format }) => merged && (format === 'cut' || format === 'garbage'));
  }

  /**
   * What is wrong with a text that was read from `begin` on; undefined when nothing is. `broken`: the transfer broke off, so the end may
   * be missing, and nothing else. `since`: seconds after START before which nothing was asked for.
   */
  check(text: string, { begin, broken = false, since = -Infinity }: CheckOptions): string | undefined {
    const lines = text.split('\n');
    // What stands after the last newline: nothing, or where the transfer broke off.
    const rest = lines.pop() ?? '';
    if (!broken && rest !== '') return `the last line has no end: ${short(rest)}`;

    const shown = new Map<WrittenRecord, number>();
    const instances: number[] = [];
    let last: WrittenRecord | undefined;
    for (const line of lines) {
      const record = RECORDS_BY_LINE.get(line);
      if (record === undefined) return `unknown: ${short(line)}`;
      if (record.second < since) return `before since: ${short(line)}`;
      if (last?.instance !== record.instance) {
        if (instances.includes(record.instance)) return `not with its instance: ${short(line)}`;
        instances.push(record.instance);
      } else if (last.second > record.second) return `out of order: ${short(line)} after ${short(last.line)}`;
      shown.set(record, (shown.get(record) ?? 0) + 1);
      last = record;
    }
    return this.checkCounts(shown, { begin, since }, broken ? { last, finished: instances.slice(0, -1) } : undefined);
  }

  private checkCounts(
    shown: ReadonlyMap<WrittenRecord, number>,
    { begin, since }: Required<Omit<CheckOptions, 'broken'>>,
    brokenAt: { readonly last: WrittenRecord | undefined; readonly finished: readonly number[] } | undefined,
  ): string | undefined {
    for (const record of RECORDS_BY_LINE.values()) {
      if (record.second < since) continue;
      const count = shown.get(record) ?? 0;
      const holding = this.versions.filter((version) => [...version.certain, ...version.perhaps].includes(record));
      if (count > (holding.length === 0 ? 0 : record.times)) {
        return `${count.toString()} times instead of ${record.times.toString()}: ${short(record.line)}`;
      }
      if (brokenAt !== undefined && !isBeforeEnd(record, brokenAt)) continue;
      const required = holding.some(
        ({ writtenAt, lost, certain }) => writtenAt < begin && !lost && certain.includes(record),
      );
      if (required && count < record.times) {
        return `${count.toString()} times instead of ${record.times.toString()}, lost: ${short(record.line)}`;
      }
    }
    return undefined;
  }
}

interface CheckOptions {
  readonly begin: Moment;
  readonly broken?: boolean;
  readonly since?: number;
}

/** Whether a broken transfer must have shown the record: what comes after its end may miss. */
const isBeforeEnd = (
  record: WrittenRecord,
  { last, finished }: { readonly last: WrittenRecord | undefined; readonly finished: readonly number[] },
): boolean => finished.includes(record.instance) || (last?.instance === record.instance && record.second < last.second);

const short = (line: string): string => JSON.stringify(line.slice(0, 60));
