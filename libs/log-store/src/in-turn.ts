import type { Instant, LogRecord } from '@cordwood/log-record';
import type { RawSource } from './instance-records.ts';
import { earliestOf } from './instances.ts';
import type { JoinedRecords } from './join.ts';
import { earliestAfter, OrderSettler } from './order-settler.ts';
import type { LineTaker } from './raw-file.ts';
import type { Taken } from './taken-blocks.ts';

/** Records of a source, or what was taken of it. */
export type ReadInTurn<T> = Omit<JoinedRecords<RawSource>, 'run'> | { readonly taken: Taken<T> };

/**
 * The records of the raw files of one run, as `join` gives them, but for those that are taken. To be used only where no records of other
 * runs come in between. `takerOf`: `upcoming` is what comes with the source's records. `later`: as for `join`.
 */
export async function* inTurn<T>(
  sources: readonly RawSource[],
  takerOf: (source: RawSource, upcoming: Instant | undefined) => LineTaker<T>,
  later?: Instant,
): AsyncGenerator<ReadInTurn<T>> {
  const settler = new OrderSettler(sources);
  const rest = earliestAfter(sources);
  for (const [index, source] of sources.entries()) {
    const upcoming = earliestOf([later, rest[index]]);
    settler.begin();
    for await (const read of source.take(takerOf(source, upcoming))) {
      if (isRecords(read)) {
        settler.settle(read);
        if (read.length > 0) yield { source, records: read, upcoming };
        continue;
      }
      const [last] = read.last.slice(-1);
      if (last !== undefined) settler.follow(last);
      yield { taken: read };
    }
  }
}

const isRecords = (read: LogRecord[] | Taken<unknown>): read is LogRecord[] => Array.isArray(read);
