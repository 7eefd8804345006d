import { Readable } from 'node:stream';

/** A body as it comes over one connection. It is read in one of the two ways, once; who does not read it to its end closes it. */
export interface BodyConnection {
  /** The next bytes, which nobody changes any more; undefined at the end. Rejects when the connection breaks. */
  next(): Promise<Uint8Array | undefined>;
  /** Writes all that comes to `target`, from `at` on. Never rejects. */
  fill(target: Uint8Array, at: number): Promise<Filled>;
  /** Does nothing when all has come. */
  close(): void;
}

/** How far a body came. */
export interface Filled {
  /** The position in the target after its last byte; beyond the target's end when there was more than fits. */
  readonly end: number;
  /** Why no more comes: {@link ENDED}, or the connection broke. */
  readonly broken: unknown;
}

/** Why no more comes of a body that has ended without an error: too early, if there should be more. */
export const ENDED = new Error('the connection ended early');

/** The body of an answer that comes as a stream of Node's. */
export function streamedBody(stream: Readable): BodyConnection {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  const next = async (): Promise<Uint8Array | undefined> => (await iterator.next()).value;
  return {
    next,
    fill: async (target, at) => {
      let end = at;
      try {
        for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
          if (end + chunk.length <= target.length) target.set(chunk, end);
          end += chunk.length;
        }
        return { end, broken: ENDED };
      } catch (broken) {
        return { end, broken };
      }
    },
    close: () => void stream.destroy(),
  };
}

/** The other way round. */
export const bodyStream = (body: BodyConnection): Readable =>
  new Readable({
    read() {
      body.next().then(
        (chunk) => this.push(chunk ?? null),
        (error: unknown) => this.destroy(error as Error),
      );
    },
    destroy(error, callback) {
      body.close();
      callback(error);
    },
  });
