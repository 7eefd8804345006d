import type { IncomingMessage } from 'node:http';
import { ApiError } from '../errors/catalogue.ts';

/** A bearer token on a WebSocket, which browsers let nobody send headers with: as Kubernetes takes it. */
const PROTOCOL_PREFIX = 'base64url.bearer.authorization.k8s.io.';
const PARAMETER = 'access_token';

/** A request's token, and its query without it: nobody after this sees the token. */
export interface TakenToken {
  readonly token: string | undefined;
  /** What follows the `?`, as it was sent. */
  readonly query: string;
}

export interface TakeTokenOptions {
  /** What browsers can send no `Authorization` header with: the token may stand in the query or, WebSocket alone, in the subprotocols. */
  readonly by: 'fetch' | 'event-source' | 'web-socket';
}

/**
 * Takes the token out of a request: of its URL, its headers and its subprotocols it is removed. Throws an ApiError when it is somewhere it may
 * not be, or at several places. No message quotes any of it.
 */
export function takeToken(request: IncomingMessage, { by }: TakeTokenOptions): TakenToken {
  const ofQuery = takeFromQuery(request);
  if (ofQuery.token !== undefined && by === 'fetch') {
    const message = `${PARAMETER} is allowed for WebSocket and text/event-stream only: use the header Authorization: Bearer …`;
    throw new ApiError('invalid_parameter', message);
  }
  const found = [
    takeFromHeader(request),
    ofQuery.token,
    by === 'web-socket' ? takeFromProtocols(request) : undefined,
  ].filter((token) => token !== undefined);
  if (found.length > 1) {
    throw new ApiError('invalid_parameter', 'there are several tokens in the request: one is allowed');
  }
  return { token: found[0], query: ofQuery.query };
}

function takeFromHeader({ headers }: IncomingMessage): string | undefined {
  const { authorization } = headers;
  delete headers.authorization;
  // Of another scheme (a proxy's Basic, say) it is none of ours.
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

function takeFromQuery(request: IncomingMessage): TakenToken {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  if (mark < 0) return { token: undefined, query: '' };
  const parts = url.slice(mark + 1).split('&');
  // By its decoded name, as whoever reads the query later would find it.
  const isToken = parts.map((part) => nameOf(part) === PARAMETER);
  const query = parts.filter((_, index) => !isToken[index]).join('&');
  const tokens = parts.filter((_, index) => isToken[index]);
  if (tokens.length === 0) return { token: undefined, query };
  request.url = `${url.slice(0, mark)}${query === '' ? '' : `?${query}`}`;
  if (tokens.length > 1) throw new ApiError('invalid_parameter', `${PARAMETER} is given twice: once is allowed`);
  const token = decoded((tokens[0] ?? '').replace(/^[^=]*=?/, ''));
  if (token === undefined || !/^\S+$/.test(token)) {
    throw new ApiError('invalid_parameter', `${PARAMETER} holds what is no token`);
  }
  return { token, query };
}

function takeFromProtocols({ headers }: IncomingMessage): string | undefined {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
  const tokens = offered.filter((each) => each.startsWith(PROTOCOL_PREFIX));
  if (tokens.length === 0) return undefined;
  const others = offered.filter((each) => !tokens.includes(each));
  headers['sec-websocket-protocol'] = others.join(', ');
  const token = Buffer.from((tokens[0] ?? '').slice(PROTOCOL_PREFIX.length), 'base64url').toString('latin1');
  const isGood = tokens.length === 1 && /^[\x21-\x7e]+$/.test(token);
  // A browser takes no answer without a protocol of those that it offered, and the token is none to answer with.
  if (!isGood || others.length === 0) {
    const message = `a token among the subprotocols is ${PROTOCOL_PREFIX}{token in base64url}, once, and another subprotocol beside it`;
    throw new ApiError('invalid_parameter', message);
  }
  return token;
}

const nameOf = (part: string): string => decoded(part.split('=', 1).join('')) ?? '';

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
