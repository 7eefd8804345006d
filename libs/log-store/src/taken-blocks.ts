import { isUtf8 } from 'node:buffer';
import { type LineDecoder, type LogRecord, type RawSequencer, wholeLines } from '@cordwood/log-record';
import { lastRecords } from './last-records.ts';

/** Lines from the beginning of a block that were taken without records being made of them. */
export interface TakenLines<T> {
  readonly count: number;
  /** How many bytes of the block. */
  readonly taken: number;
  /** What became of them. */
  readonly made: T;
}

/** Consecutive records of a file that were taken. */
export interface Taken<T> extends Pick<TakenLines<T>, 'count' | 'made'> {
  /** The last of them: those with the last one's ordering time, and one before. */
  readonly last: LogRecord[];
}

/** Takes lines from the beginning of the block, which is valid UTF-8; undefined: none. */
type Take<T> = (block: Uint8Array) => Promise<TakenLines<T> | undefined> | TakenLines<T> | undefined;

/** Where a block holds a line that is not taken, so many bytes are decoded of it, and twice as many each time there was none taken in between. */
const FEW = 4 * 1024;

/** Reads blocks of whole lines, one after the other: makes records of what is not taken. */
export class TakenBlocks<T> {
  private readonly decoder: LineDecoder;
  private readonly takeLines: Take<T>;
  private readonly sequencer: Pick<RawSequencer, 'push' | 'follow'> | undefined;
  private decodeBytes = FEW;

  /** `sequencer`: for raw files, settles the times of their records. */
  constructor(decoder: LineDecoder, take: Take<T>, sequencer?: Pick<RawSequencer, 'push' | 'follow'>) {
    this.decoder = decoder;
    this.takeLines = take;
    this.sequencer = sequencer;
  }

  async *read(block: Uint8Array): AsyncGenerator<LogRecord[] | Taken<T>> {
    const isValid = isUtf8(block);
    for (let rest = block; rest.length > 0;) {
      const taken = isValid ? await this.takeLines(rest) : undefined;
      if (taken !== undefined) {
        const last = lastRecords(this.decoder, rest.subarray(0, taken.taken));
        for (const record of last.slice(-1)) this.sequencer?.follow(record);
        this.decodeBytes = FEW;
        yield { count: taken.count, made: taken.made, last };
        rest = rest.subarray(taken.taken);
        // There may be more: so many lines are taken at a time.
        continue;
      }
      const [others] = wholeLines(rest, this.decodeBytes);
      if (others === undefined) return;
      this.decodeBytes *= 2;
      const records = this.decoder.decodeBlock(others);
      yield this.sequencer?.push(records) ?? records;
      rest = rest.subarray(others.length);
    }
  }
}
