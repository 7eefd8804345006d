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

  /** The whole lines that this chunk completes, if any. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    let from = 0;
    if (this.skipping) {
      const newline = chunk.indexOf(NEWLINE);
      if (newline < 0) return undefined;
      this.skipping = false;
      from = newline + 1;
    }
    const lastNewline = chunk.lastIndexOf(NEWLINE);
    if (lastNewline < from) {
      this.keep(chunk.subarray(from));
      return undefined;
    }
    let block = chunk.subarray(from, lastNewline + 1);
    if (this.restLength > 0) {
      this.rest.push(block);
      block = Buffer.concat(this.rest);
    }
    this.rest = [];
    this.restLength = 0;
    this.keep(chunk.subarray(lastNewline + 1));
    return block.length > this.maxRecord ? this.withoutOversized(block) : block;
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
    this.rest.push(bytes);
    this.restLength += bytes.length;
    if (this.restLength <= this.maxRecord) return;
    this.rest = [];
    this.restLength = 0;
    this.skipping = true;
    this.oversized++;
  }
}

/** Cuts a block of whole lines (or none) into pieces of whole lines of `bytes` bytes each, or a line more. */
export function* wholeLines(block: Uint8Array | undefined, bytes: number): Generator<Uint8Array> {
  if (block === undefined) return;
  for (let start = 0; start < block.length;) {
    const newline = block.indexOf(NEWLINE, start + bytes - 1);
    const end = newline < 0 ? block.length : newline + 1;
    yield block.subarray(start, end);
    start = end;
  }
}
