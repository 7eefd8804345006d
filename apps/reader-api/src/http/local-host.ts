import { isLocalHost } from '@cordwood/service';
import type { RequestHandler } from 'express';
import { ApiError } from '../errors/catalogue.ts';

/** Refuses requests for any host but this machine: see {@link isLocalHost}. */
export const onlyLocalHost: RequestHandler = ({ headers: { host } }, _response, next) => {
  if (isLocalHost(host)) {
    next();
    return;
  }
  const named = JSON.stringify((host ?? '').slice(0, 200));
  throw new ApiError(
    'host_not_allowed',
    `the Host ${named} is not this machine: without AUTH_MODE only localhost, 127.0.0.1 and [::1] are answered`,
  );
};
