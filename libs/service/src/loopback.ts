/** Addresses of this machine alone, as HOST may name them, for messages. */
export const LOOPBACK_HOSTS = '127.0.0.1, ::1 or localhost';

export function isLoopback(host: string): boolean {
  return ['127.0.0.1', '::1', 'localhost'].includes(host);
}

export interface Listening {
  /** Undefined: nothing is said of who may come in, so only clients of this machine may. */
  readonly AUTH_MODE?: string | undefined;
  readonly HOST?: string | undefined;
}

/** The addresses to listen on; undefined: all. */
export function hostsOf({ AUTH_MODE, HOST }: Listening): readonly string[] | undefined {
  if (HOST === 'localhost' || (HOST === undefined && AUTH_MODE === undefined)) return ['127.0.0.1', '::1'];
  return HOST === undefined ? undefined : [HOST];
}

/** How this machine is called by its own clients, with any port. */
const LOCAL = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d*)?$/i;

/**
 * Whether a request's `Host` is this machine. Where only loopback is listened on, and nobody is asked who they are, the address alone keeps
 * strangers out; and a page of theirs reaches it from a browser here, as its own origin, when its name is given the address 127.0.0.1
 * (DNS rebinding). A name that the page was loaded from is what the browser sends as Host.
 *
 * Browsers always send one; what sends none (HTTP/1.0) is none.
 */
export function isLocalHost(host: string | undefined): boolean {
  return host === undefined || LOCAL.test(host);
}
