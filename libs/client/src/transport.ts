import { errorOf } from './answer-error.ts';
import { Backoff, type RetryOptions } from './backoff.ts';
import { CordwoodError } from './errors.ts';

export interface TransportOptions {
  /** Where the API is, with the path of a proxy before it, if any. */
  readonly baseUrl: string | URL;
  /** A bearer token, or what gives one: asked before every request, and once more when the service does not take it any longer. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Default: the one of the browser or of Node. */
  readonly fetch?: typeof fetch | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Longest silence of a transfer, in ms. Default 60 000: streams give a sign of life more often. */
  readonly idleTimeout?: number | undefined;
}

export interface ApiRequest {
  readonly method?: 'GET' | 'DELETE';
  /** Parts of the path, not encoded. */
  readonly path: readonly string[];
  /** By name; what is undefined is left out. */
  readonly query?: object | undefined;
  readonly accept: string;
  readonly signal?: AbortSignal | undefined;
}

/** Sends requests with a token, and gives answers or {@link CordwoodError}s. */
export class Transport {
  readonly idleTimeout: number;
  readonly #options: TransportOptions;
  readonly #fetch: typeof fetch;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.idleTimeout = options.idleTimeout ?? 60_000;
    // Looked up with every call, so that a page may still replace it; and called as the global function that browsers insist on.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  backoff(): Backoff {
    return new Backoff(this.#options.retry);
  }

  /** @throws TypeError for a path that would lead elsewhere */
  url({ path, query = {} }: Pick<ApiRequest, 'path' | 'query'>): string {
    for (const part of path) if (/^\.{0,2}$/.test(part)) throw new TypeError(`"${part}" cannot be part of a path`);
    const base = String(this.#options.baseUrl).replace(/\/+$/, '');
    const parameters = Object.entries(query as Readonly<Record<string, string | number | boolean | undefined>>).flatMap(
      ([name, value]) => (value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]),
    );
    const search = parameters.length === 0 ? '' : `?${parameters.join('&')}`;
    return `${base}/${path.map(encodeURIComponent).join('/')}${search}`;
  }

  /** One try: a success, its body not yet read. @throws CordwoodError, or the signal's reason */
  async send(request: ApiRequest): Promise<Response> {
    const { token } = this.#options;
    const response = await this.#sendWith(request);
    // Tokens that somebody fetches run out: there may be a newer one.
    if (response.status === 401 && typeof token === 'function') {
      await response.body?.cancel().catch(() => undefined);
      return this.#checked(await this.#sendWith(request));
    }
    return this.#checked(response);
  }

  /** What `read` makes of an answer that has all of it; tried again while what goes wrong is temporary. */
  async fetch<T>(request: ApiRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const backoff = this.backoff();
    for (;;) {
      try {
        const response = await this.send(request);
        return await this.#reading(request, () => read(response));
      } catch (error) {
        await backoff.wait(error, request.signal);
      }
    }
  }

  async #sendWith({ method = 'GET', accept, signal, ...where }: ApiRequest): Promise<Response> {
    signal?.throwIfAborted();
    const { token } = this.#options;
    const bearer = typeof token === 'function' ? await token() : token;
    const url = this.url(where);
    const headers = { Accept: accept, ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }) };
    try {
      return await this.#fetch(url, { method, headers, cache: 'no-store', ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw new CordwoodError('network_error', `no answer: ${String(error)}`, { cause: error });
    }
  }

  async #checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    throw await errorOf(response);
  }

  async #reading<T>({ signal }: ApiRequest, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof CordwoodError) throw error;
      throw new CordwoodError('transfer_broken', 'the answer broke off', { cause: error });
    }
  }
}
