import { CordwoodError } from './errors.ts';

export interface BodyOptions {
  readonly signal: AbortSignal | undefined;
  /** Longest silence, in ms. Infinity: none is too long. */
  readonly idleTimeout: number;
}

/**
 * The text of an answer as it comes, no faster than it is asked for: while nobody asks, the connection fills up and the service waits.
 * Leaving the loop ends the transfer. @throws CordwoodError when it breaks off or falls silent, or the signal's reason
 */
export async function* textOf(response: Response, { signal, idleTimeout }: BodyOptions): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await readOrTimeOut(reader, idleTimeout);
      if (done) break;
      const text = decoder.decode(value, { stream: true });
      if (text !== '') yield text;
    }
    const text = decoder.decode();
    if (text !== '') yield text;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CordwoodError) throw error;
    throw new CordwoodError('transfer_broken', 'the answer broke off', { status: response.status, cause: error });
  } finally {
    // Also after an error: it ends a transfer that merely fell silent. It rejects where the transfer has failed already.
    reader.cancel().catch(() => undefined);
  }
}

async function readOrTimeOut(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  idleTimeout: number,
): ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']> {
  if (!Number.isFinite(idleTimeout)) return reader.read();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new CordwoodError('timeout', `nothing came for ${idleTimeout} ms`)), idleTimeout);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } finally {
    clearTimeout(timer);
  }
}
