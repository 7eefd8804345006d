import { Readable } from 'node:stream';

/** A body as it comes over one connection. It is read in one of the two ways, once; who does not read it to its end closes it. */
export interface BodyConnection {
  /** The next bytes, which nobody changes any more; undefined at the end. Rejects when the connection breaks. */
  next(): Promise<Uint8Array | undefined>;
  /** Writes all that comes to `target`, from `at` on. Never rejects. `onFilled`: called with where it is filled to. */
  fill(target: Uint8Array, at: number, onFilled?: (end: number) => void): Promise<Filled>;
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

/** Reads a body to its end: all of it, or undefined when it broke off; and `again`, what came of it, to be read once more. Never rejects. */
export async function readWhole(
  body: BodyConnection,
): Promise<{ readonly bytes: Uint8Array | undefined; readonly again: BodyConnection }> {
  const chunks: Uint8Array[] = [];
  let broken: Error | undefined;
  try {
    for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) chunks.push(chunk);
  } catch (error) {
    broken = error as Error;
  }
  const bytes = broken === undefined ? Buffer.concat(chunks) : undefined;
  const next = async (): Promise<Uint8Array | undefined> => {
    const chunk = chunks.shift();
    if (chunk === undefined && broken !== undefined) throw broken;
    return Promise.resolve(chunk);
  };
  return { bytes, again: connectionOf(next, () => undefined) };
}

/** The body of an answer that comes as a stream of Node's. */
export function streamedBody(stream: Readable): BodyConnection {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  return connectionOf(
    async () => (await iterator.next()).value,
    () => void stream.destroy(),
  );
}

function connectionOf(next: BodyConnection['next'], close: BodyConnection['close']): BodyConnection {
  const fill: BodyConnection['fill'] = async (target, at, onFilled) => {
    let end = at;
    try {
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
        if (end + chunk.length <= target.length) target.set(chunk, end);
        end += chunk.length;
        onFilled?.(end);
      }
      return { end, broken: ENDED };
    } catch (broken) {
      return { end, broken };
    }
  };
  return { next, fill, close };
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
