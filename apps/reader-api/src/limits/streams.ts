import type { Metrics } from '@cordwood/service';
import { ApiError } from '../errors/catalogue.ts';

export interface StreamLimits {
  /** MAX_STREAMS and MAX_STREAMS_PER_CLIENT. */
  readonly max: number;
  readonly maxPerClient: number;
  /** MAX_STREAM_DURATION, in ms. */
  readonly maxDurationMs: number;
}

/** A log that is being sent, on whatever transport. */
export interface OpenStream {
  /** Aborted, with an ApiError `stream_too_long` as reason, when it has lasted as long as any may. */
  readonly signal: AbortSignal;
  /** Makes room for another one. May be called more than once. */
  close(): void;
}

/** Seconds after which there may be room again: nobody can know. */
const RETRY_AFTER = '10';

/** The streams that are open, in all and by client. */
export class Streams {
  readonly #limits: StreamLimits;
  readonly #byClient = new Map<string, number>();
  #open = 0;

  constructor(limits: StreamLimits, metrics: Metrics) {
    this.#limits = limits;
    metrics.gauge({
      name: 'cordwood_http_open_streams',
      help: 'Logs that are being sent, as MAX_STREAMS counts them.',
      collect: (gauge) => gauge.set(this.#open),
    });
  }

  /** Throws ApiError `too_many_streams`. */
  open(client: string): OpenStream {
    const { max, maxPerClient, maxDurationMs } = this.#limits;
    const ofClient = this.#byClient.get(client) ?? 0;
    if (ofClient >= maxPerClient) throw refusal(`there are ${ofClient} open streams of yours, and no more are allowed`);
    if (this.#open >= max) throw refusal(`there are ${max} open streams, and no more are allowed`);
    this.#open++;
    this.#byClient.set(client, ofClient + 1);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(tooLong()), maxDurationMs).unref();
    let isOpen = true;
    return {
      signal: over.signal,
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        clearTimeout(timer);
        this.#open--;
        const left = (this.#byClient.get(client) ?? 1) - 1;
        if (left > 0) this.#byClient.set(client, left);
        else this.#byClient.delete(client);
      },
    };
  }
}

const refusal = (message: string): ApiError =>
  new ApiError('too_many_streams', message, { headers: { 'Retry-After': RETRY_AFTER } });

const tooLong = (): ApiError =>
  new ApiError('stream_too_long', 'the stream has lasted as long as any may (MAX_STREAM_DURATION)');
