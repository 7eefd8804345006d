import type { LogEvent } from '@cordwood/live-log';
import { ApiError } from '../errors/catalogue.ts';

/** How long the first line of a log that is followed is waited for before the answer begins without one, in ms. */
const FIRST_EVENT_WAIT = 1_000;

export async function* noEvents(): AsyncGenerator<never> {
  // Nothing.
}

/**
 * Reads the first event ahead, so that what stands against reading is known before anything is sent. Rejects with that. Of a log that is
 * `followed` it is not waited for too long: there may be none for hours.
 */
export async function begun<Event>(
  events: AsyncGenerator<Event>,
  followed: boolean,
): Promise<{ readonly isEmpty: boolean; readonly events: AsyncGenerator<Event> }> {
  const first = events.next();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    if (followed) timer = setTimeout(resolve, FIRST_EVENT_WAIT, undefined);
  });
  try {
    const step = await Promise.race([first, late]);
    return { isEmpty: step?.done === true, events: startingWith(first, events) };
  } finally {
    clearTimeout(timer);
  }
}

function startingWith<Event>(
  first: Promise<IteratorResult<Event>>,
  rest: AsyncGenerator<Event>,
): AsyncGenerator<Event> {
  // Whoever takes the first event gets the error; if nobody does, nobody need know.
  first.catch(() => undefined);
  let isFirst = true;
  const events: AsyncGenerator<Event> = {
    next: () => {
      if (!isFirst) return rest.next();
      isFirst = false;
      return first;
    },
    return: (value) => rest.return(value),
    throw: (error) => rest.throw(error),
    [Symbol.asyncIterator]: () => events,
    [Symbol.asyncDispose]: async () => {
      await rest.return(undefined);
    },
  };
  return events;
}

/**
 * Events that end with an ApiError `server_stopping` when the process stops: there is always more to come of a log that is followed, and
 * whoever follows it can go on elsewhere.
 */
export async function* unlessStopped(
  read: (signal: AbortSignal) => AsyncGenerator<LogEvent>,
  signal: AbortSignal,
  stopping: AbortSignal,
): AsyncGenerator<LogEvent> {
  try {
    yield* read(AbortSignal.any([signal, stopping]));
  } catch (error) {
    if (!stopping.aborted || signal.aborted) throw error;
    const message = 'the reader stops: follow the log again, from its last line on';
    throw new ApiError('server_stopping', message, { cause: error, headers: { 'Retry-After': '1' } });
  }
}
