import type { ApiError } from '../errors/catalogue.ts';
import type { ApiReply } from '../http/handler.ts';

type Chunks = AsyncIterable<Uint8Array>;

/**
 * Ends a stream when `signal` aborts (with an ApiError), also while it waits for its next chunk. In `text/event-stream` a last event `end` tells
 * the reason, and the client goes on by its `Last-Event-ID`. Anything else is broken off by throwing the error: what stops short must not
 * look like a whole log.
 */
export function endedBy(reply: ApiReply, signal: AbortSignal): ApiReply {
  const { body } = reply;
  if ('messages' in body) return { ...reply, body: { messages: until(signal, body.messages, undefined) } };
  if (!('chunks' in body)) return reply;
  const isEventStream = body.contentType.startsWith('text/event-stream');
  return { ...reply, body: { ...body, chunks: until(signal, body.chunks, isEventStream ? lastEvent : undefined) } };
}

async function* until(
  signal: AbortSignal,
  chunks: Chunks,
  last: ((error: ApiError) => Uint8Array) | undefined,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  let wake: (() => void) | undefined;
  const onAbort = () => wake?.();
  signal.addEventListener('abort', onAbort, { once: true });
  let isDone = false;
  try {
    for (;;) {
      // Not `Promise.race` with one promise for all: that would hold every chunk until the end.
      const step = await new Promise<IteratorResult<Uint8Array> | undefined>((resolve, reject) => {
        wake = () => {
          resolve(undefined);
        };
        if (signal.aborted) wake();
        else iterator.next().then(resolve, reject);
      });
      if (step === undefined) break;
      isDone = step.done === true;
      if (step.done === true) return;
      yield step.value;
    }
    const error = signal.reason as ApiError;
    if (last === undefined) throw error;
    yield last(error);
  } catch (error) {
    // An aborted read may be faster to fail than we are to hear why.
    if (!signal.aborted) throw error;
    if (last === undefined) throw signal.reason;
    yield last(signal.reason as ApiError);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited when something is being waited for: what ends that is the signal.
    if (!isDone) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

const lastEvent = ({ code, message }: ApiError): Uint8Array =>
  Buffer.from(`event: end\ndata: ${JSON.stringify({ reason: code, message })}\n\n`);
