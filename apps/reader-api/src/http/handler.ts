/** What a handler gets of a request; nothing of the framework. */
export interface ApiRequest {
  /** HEAD: the handler may leave out what only the body needs. */
  readonly headOnly: boolean;
  /** Parts of the path by name, decoded. */
  readonly path: Readonly<Record<string, string>>;
  /** What follows the `?`, as it was sent. */
  readonly query: string;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

/** What a handler answers. A stream that throws breaks the transfer. */
export interface ApiReply {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body:
    | { readonly json: unknown }
    | { readonly text: string }
    | { readonly chunks: AsyncIterable<Uint8Array>; readonly contentType: string };
}

export type Handler = (request: ApiRequest) => Promise<ApiReply> | ApiReply;

/** Routes by path (as Express writes it), each for GET and HEAD. */
export type Routes = Readonly<Record<string, Handler>>;
