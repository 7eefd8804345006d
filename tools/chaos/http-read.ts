import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** How a request ended. */
export type Answer =
  | { readonly outcome: 'complete'; readonly body: string; readonly ms: number }
  /** The API's own error. */
  | { readonly outcome: 'error'; readonly status: number; readonly code: string; readonly message: string }
  /** No answer at all: the process is not there, or went before it answered. */
  | { readonly outcome: 'refused'; readonly cause: string }
  /** The answer began well and did not end. */
  | { readonly outcome: 'broken'; readonly cause: string; readonly bytes: number }
  /** Nothing came for very long. */
  | { readonly outcome: 'hangs' };

/** Longer than all tries of the reader's own client together, each of which may take its idle time-out. */
const IDLE_MS = 240_000;

export interface ReadRequest {
  readonly method?: 'GET' | 'HEAD';
  /** Takes the body no faster than this. */
  readonly bytesPerSecond?: number;
}

/** A GET on a connection of its own; never rejects. */
export async function httpRead(url: string, { method = 'GET', bytesPerSecond }: ReadRequest = {}): Promise<Answer> {
  const startedAt = performance.now();
  const sent = request(url, { method, agent: false });
  const idle = new AbortController();
  sent.setTimeout(IDLE_MS, () => {
    idle.abort();
    sent.destroy();
  });
  let response: IncomingMessage;
  try {
    response = await responseOf(sent);
  } catch (error) {
    return idle.signal.aborted ? { outcome: 'hangs' } : { outcome: 'refused', cause: (error as Error).message };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytesPerSecond !== undefined) await delay((chunk.length / bytesPerSecond) * 1000);
    }
    if (!response.complete) throw new Error('the answer is not complete');
  } catch (error) {
    if (idle.signal.aborted) return { outcome: 'hangs' };
    return { outcome: 'broken', cause: (error as Error).message, bytes };
  }
  const body = Buffer.concat(chunks).toString();
  const { statusCode: status = 0 } = response;
  if (status === 200) return { outcome: 'complete', body, ms: performance.now() - startedAt };
  return { outcome: 'error', status, ...errorIn(body) };
}

function responseOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    // Also after the response: the body tells of that too.
    sent.on('error', reject);
    sent.end();
  });
}

function errorIn(body: string): { code: string; message: string } {
  try {
    return (JSON.parse(body) as { error: { code: string; message: string } }).error;
  } catch {
    return { code: 'none', message: body.slice(0, 200) };
  }
}
