import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, gunzipSync } from 'node:zlib';

/** Output of zlib in one piece; its default of 16 KiB costs a turn of the event loop each. */
const CHUNK = 256 * 1024;
/** Compressed bytes that become 4 MiB at most. */
const LITTLE = 4096;

/** Bytes that could not be decompressed. What came before them is whole. */
export class DamagedGzipError extends Error {
  override readonly name = 'DamagedGzipError';
}

export interface DecompressOptions {
  /** Whether the bytes of each piece are needed only until the next one is asked for; then they are freed at once, as far as gunzip made them. */
  readonly isPassing?: boolean;
  /** How large the text may be, in bytes: what the object's end says. A guess: it may be anything. */
  readonly size?: number | undefined;
}

/** The most that is inflated into one piece. */
const LARGEST = 4 * 1024 * 1024;

/** Whether the bytes begin like gzip. Names and Content-Types of objects say nothing reliable. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * The text of an object, given as a way to read its bytes from the start: gzip of one or many members is decompressed, anything
 * else passes through. Throws DamagedGzipError after the last bytes that could be decompressed.
 */
export async function* decompressed(
  open: () => AsyncIterable<Uint8Array>,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array> {
  const input = open()[Symbol.asyncIterator]();
  try {
    const first = await firstBytes(input);
    if (first === undefined) return;
    if (!isGzip(first)) {
      yield first;
      yield* { [Symbol.asyncIterator]: () => input };
      return;
    }
    let delivered = 0;
    try {
      for await (const chunk of gunzip(first, input, options)) {
        delivered += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (!isZlibError(error)) throw error;
      yield* salvage(open, delivered);
      throw new DamagedGzipError(error.message, { cause: error });
    }
  } finally {
    await input.return?.();
  }
}

/**
 * Up to `limit` bytes of the beginning of an object's text, as far as its first bytes reach; however much more they would become (a few
 * hundred KiB of gzip may be hundreds of MB of text). Nothing is reported: reading it all will.
 */
export async function decompressedHead(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes.subarray(0, limit);
  // Going through a stream takes longer than inflating so little at once.
  if (bytes.length <= LITTLE) return littleHead(bytes).subarray(0, limit);
  const gunzipper = createGunzip({ chunkSize: CHUNK, finishFlush: constants.Z_SYNC_FLUSH });
  gunzipper.end(bytes);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of gunzipper as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= limit) break;
    }
  } catch {
    return new Uint8Array();
  }
  return Buffer.concat(chunks).subarray(0, limit);
}

function littleHead(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return new Uint8Array();
  }
}

/** The first chunk, of at least two bytes where the object has as many. */
async function firstBytes(input: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  let bytes: Uint8Array | undefined;
  while (bytes === undefined || bytes.length < 2) {
    const next = await input.next();
    if (next.done === true) return bytes;
    bytes = bytes === undefined ? next.value : Buffer.concat([bytes, next.value]);
  }
  return bytes;
}

async function* gunzip(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  { isPassing = false, size = CHUNK }: DecompressOptions,
): AsyncGenerator<Uint8Array> {
  // With a byte to spare zlib notices the end, and needs no other buffer to look for more.
  const chunkSize = size < CHUNK || size > LARGEST ? CHUNK : size + 1;
  const gunzipper = createGunzip({ chunkSize });
  const feeding = pipeline(chain(first, rest), gunzipper);
  // Whatever ends the feeding ends the output with the same error.
  feeding.catch(() => undefined);
  let before: Uint8Array | undefined;
  try {
    for await (const chunk of gunzipper as AsyncIterable<Uint8Array>) {
      // zlib writes to a buffer until it is full. Another buffer does not tell that it is: small pieces that wait come as one copy.
      if (isPassing && before !== undefined && endsBuffer(before)) free(before, chunkSize);
      before = chunk;
      yield chunk;
    }
    // Not where something follows the text: then zlib may be at work on that.
    if (isPassing && before !== undefined && gunzipper.writableFinished) free(before, chunkSize);
  } finally {
    gunzipper.destroy();
  }
}

/** Whether there is nothing of its buffer behind the piece. */
const endsBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): boolean =>
  byteOffset + byteLength === buffer.byteLength;

/** Frees the buffer of a piece that nobody needs any more. V8 counts buffers, and would look through all objects for each few MB of them. */
function free({ buffer }: Uint8Array, size: number): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === size) buffer.transfer(0);
}

async function* chain(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** Told by the code: zlib's errors need not be of this realm's Error. */
const isZlibError = (error: unknown): error is NodeJS.ErrnoException =>
  typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('Z_');

/**
 * What a damaged object holds beyond the first `skip` bytes of its text. zlib gives nothing of the piece of input that it fails
 * on; so that piece is found in steps, and then fed byte by byte.
 */
async function* salvage(open: () => AsyncIterable<Uint8Array>, skip: number): AsyncGenerator<Uint8Array> {
  const STEP = 4096;
  const end = { input: 0 };
  for await (const _ of inflateUntilError(open, () => STEP, end));
  // The object may come in other chunks this time, so that steps begin elsewhere.
  const failing = end.input - 2 * STEP;
  let position = 0;
  for await (const chunk of inflateUntilError(open, (at) => (at < failing ? STEP : 1), end)) {
    const fresh = chunk.subarray(Math.max(0, skip - position));
    position += chunk.length;
    if (fresh.length > 0) yield fresh;
  }
}

/** Inflates input in pieces of `pieceAt(offset)` bytes until the input ends or zlib fails; `end.input` then says how far it came. */
async function* inflateUntilError(
  open: () => AsyncIterable<Uint8Array>,
  pieceAt: (offset: number) => number,
  end: { input: number },
): AsyncGenerator<Uint8Array> {
  const gunzipper = createGunzip({ chunkSize: CHUNK });
  let output: Uint8Array[] = [];
  gunzipper.on('data', (chunk: Buffer) => output.push(chunk));
  const state = { failed: false };
  // A write that fails is never answered.
  const failure = new Promise<void>((resolve) => {
    gunzipper.on('error', () => {
      state.failed = true;
      resolve();
    });
  });
  end.input = 0;
  try {
    for await (const chunk of open()) {
      for (let at = 0; at < chunk.length;) {
        const piece = chunk.subarray(at, at + pieceAt(end.input));
        at += piece.length;
        end.input += piece.length;
        const written = new Promise<void>((resolve) => {
          gunzipper.write(piece, () => {
            resolve();
          });
        });
        await Promise.race([written, failure]);
        yield* output;
        output = [];
        if (state.failed) return;
      }
    }
  } finally {
    gunzipper.destroy();
  }
}
