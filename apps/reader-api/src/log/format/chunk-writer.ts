/** Bytes that are collected before they are handed on. */
const CHUNK = 64 * 1024;

/** Short pieces are copied faster by a loop than by a call into the runtime. */
const LOOP_LIMIT = 48;

/** Collects bytes into chunks. What was handed on is never written to again. */
export class ChunkWriter {
  /** Where to write at `size`, after room was reserved. */
  chunk = Buffer.allocUnsafe(CHUNK);
  /** Bytes in the chunk; whoever writes into it moves this on. */
  size = 0;
  #start = 0;
  #full: Uint8Array[] = [];
  #before = 0;

  /** Bytes that were ever written. */
  get written(): number {
    return this.#before + this.size - this.#start;
  }

  /** Whether nothing waits to be handed on. */
  get isEmpty(): boolean {
    return this.#full.length === 0 && this.size === this.#start;
  }

  /** Makes room for so many bytes in one piece. */
  reserve(bytes: number): void {
    if (this.size + bytes <= this.chunk.length) return;
    this.#cut();
    this.chunk = Buffer.allocUnsafe(Math.max(CHUNK, bytes));
    this.size = 0;
    this.#start = 0;
  }

  /** Copies bytes for which room is reserved. */
  copy(source: Uint8Array, from = 0, to = source.length): void {
    if (to - from > LOOP_LIMIT) {
      this.chunk.set(from === 0 && to === source.length ? source : source.subarray(from, to), this.size);
      this.size += to - from;
      return;
    }
    let at = this.size;
    for (let i = from; i < to; i++) this.chunk[at++] = source[i] ?? 0;
    this.size = at;
  }

  /** Reserves room and copies. */
  write(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.copy(bytes);
  }

  /** Hands the bytes on as they are, after all that was written before. */
  pass(bytes: Uint8Array): void {
    this.#cut();
    this.#full.push(bytes);
    this.#before += bytes.length;
  }

  /** Chunks that are full. */
  full(): Uint8Array[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** All there is. */
  flush(): Uint8Array[] {
    this.#cut();
    return this.full();
  }

  #cut(): void {
    if (this.size === this.#start) return;
    this.#full.push(this.chunk.subarray(this.#start, this.size));
    this.#before += this.size - this.#start;
    this.#start = this.size;
  }
}
