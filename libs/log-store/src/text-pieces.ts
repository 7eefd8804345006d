import { isUtf8 } from 'node:buffer';
import {
  LineDecoder,
  type LogRecord,
  plainMergedText,
  type PlainRange,
  type PlainRaw,
  plainRawText,
  type PlainText,
} from '@cordwood/log-record';
import type { BlockReader } from './merged-file.ts';
import type { LineTaker } from './raw-file.ts';
import { type Taken, TakenBlocks, type TakenLines } from './taken-blocks.ts';

/** How messages are shown as text. */
export interface TextOptions {
  /** Whether each message is preceded by its time and a blank. */
  readonly timestamps: boolean;
}

/** Lines that are text already, as they are shown. */
export type TextPiece = Taken<Uint8Array>;

/** Makes text of the plain lines of a merged file, and records of all others. */
export class TextBlocks implements BlockReader<TextPiece | LogRecord[]> {
  count = 0;
  private readonly blocks: TakenBlocks<Uint8Array>;

  /** `isInside`: whether a line in parts is not joined yet of what was given so far. */
  constructor({ timestamps }: TextOptions, isInside: () => boolean) {
    this.blocks = new TakenBlocks(new LineDecoder('merged', isUtf8), (block) =>
      made(plainMergedText(block, { timestamps, inside: isInside() })),
    );
  }

  async *push(block: Uint8Array): AsyncGenerator<TextPiece | LogRecord[]> {
    for await (const piece of this.blocks.read(block)) {
      this.count += 'made' in piece ? piece.count : piece.length;
      yield piece;
    }
  }
}

/** Makes text of a raw file's plain lines in this range. `remember` is called with them. */
export const textTaker = (
  { timestamps }: TextOptions,
  isInside: () => boolean,
  range: () => Pick<PlainRange, 'after' | 'remember'>,
  remember: (lines: PlainRaw) => void,
): LineTaker<Uint8Array> => ({
  take: (block, order) => {
    const plain = plainRawText(block, { ...range(), ...order }, { timestamps, inside: isInside() });
    if (plain !== undefined) remember(plain);
    return made(plain);
  },
});

const made = (plain: PlainText | undefined): TakenLines<Uint8Array> | undefined =>
  plain && { count: plain.count, taken: plain.taken, made: plain.text };
