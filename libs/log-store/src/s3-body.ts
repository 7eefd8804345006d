import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError, type StoreErrorDetails, StoreUnavailableError } from './errors.ts';

/** A body whose first connection is open. */
export interface BodySource {
  readonly first: Readable;
  /** Bytes that the whole body must have. */
  readonly size: number;
  /** The rest from this position (counted from the body's own start), of the very same object; rejects if that is gone or replaced. */
  reopen(position: number): Promise<Readable>;
  readonly details: StoreErrorDetails;
  readonly signal?: AbortSignal | undefined;
  readonly retryDelay?: number | undefined;
}

/** Times in a row that a body is taken up again … */
const MAX_RESUMES = 4;
/** … a row ends when this much has come without a break, */
const PROGRESS = 1024 * 1024;
/** or when the reader held us up so long (ms) that the break is likely its own doing: stores and idle timeouts cut connections that stand still. */
const SLOW_READER = 5_000;
const RETRY_DELAY = 100;

/**
 * The body as chunks, resumed where a connection broke off. Ends only when all of `size` has been given out; throws
 * otherwise. Whatever way the iteration ends, the connection is closed.
 */
export function bodyChunks(source: BodySource): AsyncIterable<Uint8Array> {
  let used = false;
  return {
    [Symbol.asyncIterator]() {
      if (used) throw new StoreError('the body was already read', source.details);
      used = true;
      const chunks = readOn(source);
      return {
        next: () => chunks.next(),
        // A generator that was never started would not run its own clean-up.
        return: () => {
          source.first.destroy();
          return chunks.return(undefined);
        },
      };
    },
  };
}

async function* readOn(source: BodySource): AsyncGenerator<Uint8Array, undefined, undefined> {
  const { size, signal, details } = source;
  let connection = chunksOf(source.first);
  let position = 0;
  let sinceBreak = 0;
  let resumes = 0;
  try {
    for (;;) {
      const step = await connection.next();
      signal?.throwIfAborted();
      if (step.chunk !== undefined) {
        position += step.chunk.length;
        sinceBreak += step.chunk.length;
        if (position > size) throw new StoreError(`more than the announced ${size} bytes`, details);
        const given = performance.now();
        yield step.chunk;
        if (sinceBreak >= PROGRESS || performance.now() - given > SLOW_READER) resumes = 0;
      } else if (position === size) {
        // Read to its very end, not just to the last byte: else the connection could not be used again.
        return;
      } else {
        connection.close();
        const resumed = await resume(source, position, resumes, step.broken);
        connection = chunksOf(resumed.stream);
        resumes = resumed.resumes;
        sinceBreak = 0;
      }
    }
  } finally {
    connection.close();
  }
}

/** What comes next on a connection: a chunk, or its end, with an error or (wrongly or rightly) without. */
type Step = { readonly chunk: Uint8Array } | { readonly chunk?: undefined; readonly broken: unknown };

function chunksOf(stream: Readable): { next(): Promise<Step>; close(): void } {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return {
    async next() {
      try {
        const next = await iterator.next();
        return next.done === true ? { broken: new Error('the connection ended early') } : { chunk: next.value };
      } catch (error) {
        return { broken: error };
      }
    },
    close: () => void stream.destroy(),
  };
}

/** A new connection that goes on at `position`, after a pause that grows with the resumes so far. */
async function resume(
  source: BodySource,
  position: number,
  resumes: number,
  broken: unknown,
): Promise<{ stream: Readable; resumes: number }> {
  const { signal, size, details } = source;
  for (let tries = resumes + 1; tries <= MAX_RESUMES; tries++) {
    await delay((source.retryDelay ?? RETRY_DELAY) * 2 ** (tries - 1), undefined, signal && { signal }).catch(() =>
      signal?.throwIfAborted(),
    );
    try {
      return { stream: await source.reopen(position), resumes: tries };
    } catch (error) {
      // Anything else (the object replaced, gone, forbidden) stays so.
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }
  const message = `the body broke off after ${position} of ${size} bytes: ${String(broken)}`;
  throw new StoreUnavailableError(message, { ...details, cause: broken });
}

/** All chunks as one array of exactly `size` bytes. */
export async function collect(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(size);
  let position = 0;
  for await (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}
