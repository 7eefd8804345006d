import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../access/caller.ts';

/** What a handler gets of a request; nothing of the framework. */
export interface ApiRequest<Path = Readonly<Record<string, string>>, Query = string> {
  /** HEAD: the handler may leave out what only the body needs. */
  readonly headOnly: boolean;
  /** The path as it was sent. */
  readonly pathname: string;
  /** Parts of the path by name, decoded. */
  readonly path: Path;
  /** Who asks, and what they may do. On public routes nobody is asked who they are, and this is somebody who may do everything. */
  readonly caller: Caller;
  /** By name, decoded; before that, what follows the `?`, as it was sent, without a token. */
  readonly query: Query;
  /** By name in lower case, without a token. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** Whether this opens a WebSocket: only then the answer may be one. */
  readonly isUpgrade: boolean;
  /** Aborted when the client leaves, or a stream has lasted for as long as any may. */
  readonly signal: AbortSignal;
}

/** Bytes that are sent as they come, no faster than the client takes them. What throws breaks the transfer. */
export interface StreamBody {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly contentType: string;
  readonly encoding?: 'gzip' | undefined;
}

/** What a handler answers. */
export interface ApiReply {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body:
    | { readonly json: unknown }
    | { readonly text: string }
    | { readonly bytes: Uint8Array; readonly contentType: string }
    | StreamBody
    /** A WebSocket, on which these go out as binary messages. */
    | { readonly messages: AsyncIterable<Uint8Array> }
    /** Nothing, as with 204. */
    | { readonly none: true };
}

export type Handler<Path = Readonly<Record<string, string>>, Query = string> = (
  request: ApiRequest<Path, Query>,
) => Promise<ApiReply> | ApiReply;
