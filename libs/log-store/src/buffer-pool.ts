/** Buffers are made in sizes of powers of two from here … */
const SMALLEST = 16 * 1024;
/** … up to here: larger ones are not kept. */
const LARGEST = 16 * 1024 * 1024;

/**
 * Buffers to be used again. A fresh buffer costs more than its bytes: the garbage collector counts them, and goes through the whole heap for some
 * dozens of MB, again and again.
 */
export class BufferPool {
  private readonly free = new Map<number, Buffer[]>();
  private freeBytes = 0;
  private readonly limit: number;

  /** `limit`: how many bytes are kept while they are not used. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** A buffer of at least so many bytes, with anything in it. */
  take(bytes: number): Buffer {
    const size = bufferSize(bytes);
    const buffer = this.free.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.freeBytes -= size;
    return buffer;
  }

  /** Takes a buffer back, whole as {@link take} gave it. It will be overwritten. */
  give(buffer: Buffer): void {
    if (buffer.length > LARGEST || this.freeBytes + buffer.length > this.limit) return;
    const free = this.free.get(buffer.length);
    if (free === undefined) this.free.set(buffer.length, [buffer]);
    else free.push(buffer);
    this.freeBytes += buffer.length;
  }
}

/** The size of a buffer that the pool gives for so many bytes. */
export function bufferSize(bytes: number): number {
  if (bytes > LARGEST) return bytes;
  let size = SMALLEST;
  while (size < bytes) size *= 2;
  return size;
}
