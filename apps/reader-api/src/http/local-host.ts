import type { RequestHandler } from 'express';
import { ApiError } from '../errors/catalogue.ts';

/** How this machine is called by its own clients, with any port. */
const LOCAL = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d*)?$/i;

/**
 * Refuses requests for any host but this machine. Where only loopback is listened on, and nobody is asked who they are, the address alone keeps
 * strangers out; and a page of theirs reaches it from a browser here, as its own origin, when its name is given the address 127.0.0.1
 * (DNS rebinding). A name that the page was loaded from is what the browser sends as Host.
 *
 * Browsers always send one; what sends none (HTTP/1.0) is none.
 */
export const onlyLocalHost: RequestHandler = ({ headers: { host } }, _response, next) => {
  if (host === undefined || LOCAL.test(host)) {
    next();
    return;
  }
  const named = JSON.stringify(host.slice(0, 200));
  throw new ApiError(
    'host_not_allowed',
    `the Host ${named} is not this machine: without AUTH_MODE only localhost, 127.0.0.1 and [::1] are answered`,
  );
};
