import type { IncomingMessage } from 'node:http';
import { kubeletError } from './answers.ts';
import { KubeConnectionLostError } from './errors.ts';
import { KubeletErrorDetector } from './kubelet-error.ts';

/** The answer to a request for a log. */
export interface LogAnswer {
  readonly answer: IncomingMessage;
  /** What was asked for, in words. */
  readonly what: string;
  readonly timestamps: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * The bytes of a log, once it is clear that they are one. Iterating it throws KubeConnectionLostError when the connection breaks, and
 * the signal's reason when that aborts; leaving the iteration closes the connection.
 * @throws KubeletError when the body is a message of the kubelet, and what iterating throws
 */
export async function openLogBody(log: LogAnswer): Promise<AsyncIterable<Uint8Array>> {
  const chunks = chunksOf(log);
  const detector = new KubeletErrorDetector(log.timestamps);
  let head: Uint8Array = new Uint8Array();
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) {
      if (head.length > 0 && detector.isError(head)) {
        const detail = Buffer.from(head).toString('utf8').trimEnd();
        throw kubeletError(log.what, { status: log.answer.statusCode, detail });
      }
      return startingWith(head, chunks);
    }
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
    if (!detector.undecided(head)) return startingWith(head, chunks);
  }
}

async function* startingWith(head: Uint8Array, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    yield* chunks;
  } finally {
    // Not left to `yield*` alone: whoever leaves at the head must close the connection as well.
    await chunks.return(undefined);
  }
}

/** Nothing is read ahead of the stream's own buffer (64 KiB), so who reads slowly slows Kubernetes down. */
async function* chunksOf({ answer, what, signal }: LogAnswer): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (error) {
    signal?.throwIfAborted();
    throw new KubeConnectionLostError(`the connection to Kubernetes broke in the middle of the log of ${what}`, {
      detail: (error as NodeJS.ErrnoException).code,
      cause: error,
    });
  }
}
