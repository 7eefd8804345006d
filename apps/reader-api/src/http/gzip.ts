import { constants, createGzip } from 'node:zlib';

/**
 * The chunks as one gzip member. When reading them fails, what there was comes out first, and the member is never finished: neither the
 * transfer nor the file that was made of it looks whole.
 */
export async function* gzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip();
  const ready: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => ready.push(chunk));
  try {
    try {
      for await (const chunk of chunks) {
        // One at a time, so that no more than one chunk waits in here, however slow the client is.
        await new Promise<void>((resolve, reject) => {
          gzip.write(chunk, (error) => {
            if (error) reject(error);
            else resolve();
          });
        });
        yield* ready.splice(0);
      }
    } catch (error) {
      await new Promise<void>((resolve) => {
        gzip.flush(constants.Z_SYNC_FLUSH, resolve);
      });
      yield* ready.splice(0);
      throw error;
    }
    const ended = new Promise((resolve) => gzip.once('end', resolve));
    gzip.end();
    await ended;
    yield* ready.splice(0);
  } finally {
    gzip.destroy();
  }
}
