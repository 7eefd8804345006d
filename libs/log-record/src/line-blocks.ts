const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into blocks of whole lines. What it keeps back is bounded by `maxRecord`: a longer line is dropped,
 * and counted, up to its newline.
 */
export class LineBlocks {
  /** Lines that were longer than `maxRecord`. */
  oversized = 0;
  private rest: Uint8Array[] = [];
  private restLength = 0;
  private skipping = false;
  private readonly maxRecord: number;

  /** `maxRecord`: the longest line that is kept, in bytes. */
  constructor(maxRecord: number) {
    this.maxRecord = maxRecord;
  }

  /** Blocks of the whole lines that this chunk completes. They are parts of the chunk, but for a line that began before it. */
  push(chunk: Uint8Array): Uint8Array[] {
    let from = 0;
    if (this.skipping) {
      const newline = chunk.indexOf(NEWLINE);
      if (newline < 0) return [];
      this.skipping = false;
      from = newline + 1;
    }
    const lastNewline = chunk.lastIndexOf(NEWLINE);
    if (lastNewline < from) {
      this.keep(chunk.subarray(from));
      return [];
    }
    const blocks: Uint8Array[] = [];
    if (this.restLength > 0) {
      const end = chunk.indexOf(NEWLINE, from) + 1;
      blocks.push(Buffer.concat([...this.rest, chunk.subarray(from, end)]));
      from = end;
    }
    blocks.push(chunk.subarray(from, lastNewline + 1));
    this.rest = [];
    this.restLength = 0;
    this.keep(chunk.subarray(lastNewline + 1));
    return blocks
      .map((block) => (block.length > this.maxRecord ? this.withoutOversized(block) : block))
      .filter((block) => block.length > 0);
  }

  /** The last line, when it has no newline. */
  end(): Uint8Array | undefined {
    const block = this.restLength > 0 ? Buffer.concat(this.rest) : undefined;
    this.rest = [];
    this.restLength = 0;
    return block;
  }

  private withoutOversized(block: Uint8Array): Uint8Array {
    const lines: Uint8Array[] = [];
    for (let start = 0; start < block.length;) {
      const end = block.indexOf(NEWLINE, start) + 1;
      if (end - 1 - start > this.maxRecord) this.oversized++;
      else lines.push(block.subarray(start, end));
      start = end;
    }
    return lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines);
  }

  private keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // A copy: the chunk need not be kept for the beginning of a line.
    this.rest.push(Buffer.from(bytes));
    this.restLength += bytes.length;
    if (this.restLength <= this.maxRecord) return;
    this.rest = [];
    this.restLength = 0;
    this.skipping = true;
    this.oversized++;
  }
}

/** Cuts a block of whole lines into pieces of whole lines of `bytes` bytes each, or a line more. */
export function* wholeLines(block: Uint8Array, bytes: number): Generator<Uint8Array> {
  for (let start = 0; start < block.length;) {
    const newline = block.indexOf(NEWLINE, start + bytes - 1);
    const end = newline < 0 ? block.length : newline + 1;
    yield block.subarray(start, end);
    start = end;
  }
}
