import type { LogEvent } from '@cordwood/live-log';
import { formatMark } from '@cordwood/log-store';
import { toApiError } from '../errors/to-api-error.ts';
import { ChunkWriter } from './format/chunk-writer.ts';
import type { LogText } from './archive-events.ts';
import type { EncoderOf, LogEnd } from './format/encoder.ts';

export interface EncodeOptions {
  readonly encoderOf: EncoderOf;
  /** The cursor that the request came with. */
  readonly cursor: string | undefined;
  /** Whether messages have cursors. */
  readonly hasPlaces: boolean;
  /** Whether the log may grow when it has ended for now. */
  readonly mayGrow: boolean;
}

export interface StreamOptions extends EncodeOptions {
  /** How long nothing is sent before the format's heartbeat is, in ms. */
  readonly heartbeatMs: number;
}

/** What waits for more to send it with, waits no longer than that, in ms. */
const FLUSH_AFTER = 20;

/** The log in a format, as it comes: nothing waits for what may not come for long. */
export async function* encodeLog(
  events: AsyncGenerator<LogEvent | LogText>,
  options: StreamOptions,
): AsyncGenerator<Uint8Array> {
  const { encoderOf, heartbeatMs, hasPlaces, mayGrow } = options;
  const writer = new ChunkWriter();
  const encoder = encoderOf(writer);
  let cursor = options.cursor ?? null;
  try {
    encoder.begin?.();
    for (;;) {
      const next = events.next();
      let step: IteratorResult<LogEvent | LogText> | undefined;
      while (step === undefined) {
        step = await settled(next, writer.isEmpty ? heartbeatMs : FLUSH_AFTER);
        if (step === undefined && writer.isEmpty) encoder.heartbeat?.();
        if (step === undefined) yield* writer.flush();
      }
      if (step.done === true) break;
      const event = step.value;
      if (event.kind === 'messages') {
        encoder.messages(event, 0, event.messages.length);
        if (hasPlaces) cursor = formatMark(event.markOf(event.messages.length - 1));
      } else if (event.kind === 'text') writer.pass(event.text);
      else if (event.kind === 'live') encoder.live();
      else encoder.gap(event);
      yield* writer.full();
    }
    encoder.end({ cursor: mayGrow ? cursor : null, hasMore: false, reason: mayGrow ? 'caught_up' : 'complete' });
    yield* writer.flush();
  } catch (error) {
    encoder.failed?.(toApiError(error));
    // What there is comes before the transfer breaks off.
    yield* writer.flush();
    throw error;
  } finally {
    await events.return(undefined);
  }
}

/** What the promise gives, or undefined when it takes longer. */
async function settled<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface PageOptions extends EncodeOptions {
  /** Messages, at most. */
  readonly limit: number;
}

/** Bytes after which a page ends, whatever its limit: it is in memory as a whole, for its cursor stands before it. */
const PAGE_SIZE = 8 * 1024 * 1024;

export interface Page {
  readonly chunks: readonly Uint8Array[];
  readonly end: LogEnd;
}

/** A page of the log: at most `limit` messages, at least one if there are any. */
export async function encodePage(events: AsyncGenerator<LogEvent | LogText>, options: PageOptions): Promise<Page> {
  const { encoderOf, limit, hasPlaces, mayGrow } = options;
  const writer = new ChunkWriter();
  const encoder = encoderOf(writer);
  let cursor = options.cursor ?? null;
  let count = 0;
  let hasMore = false;
  try {
    encoder.begin?.();
    for await (const event of events) {
      if (event.kind === 'text') throw new Error('a page cannot end within text');
      const isFull = () => count === limit || (count > 0 && writer.written >= PAGE_SIZE);
      if (event.kind === 'messages') {
        // One at a time, since each of them may be the last one that fits.
        let at = 0;
        for (; at < event.messages.length && !isFull(); at++, count++) encoder.messages(event, at, at + 1);
        if (at > 0 && hasPlaces) cursor = formatMark(event.markOf(at - 1));
        hasMore = at < event.messages.length;
        if (hasMore) break;
      } else if (!isFull()) {
        // Else it belongs to the next page, if there is one.
        if (event.kind === 'live') encoder.live();
        else encoder.gap(event);
      }
    }
  } finally {
    await events.return(undefined);
  }
  const end: LogEnd = {
    cursor: hasMore || mayGrow ? cursor : null,
    hasMore,
    reason: hasMore ? 'page' : mayGrow ? 'caught_up' : 'complete',
  };
  encoder.end(end);
  return { chunks: writer.flush(), end };
}
