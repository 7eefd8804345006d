import type { Request, RequestHandler, Response, Router } from 'express';

/** Somebody who was let in. */
export interface User {
  /** For log lines. */
  readonly name: string;
}

/** How it is found out who asks. */
export interface Access {
  /** Pages of signing in, which everybody may ask for; below BASE_PATH. */
  readonly routes?: Router;
  /** Who asks; undefined: nobody who is let in, and that is answered. */
  identify(request: Request, response: Response): Promise<User | undefined> | User | undefined;
}

/** Lets nobody pass but those whom `access` knows. */
export function gate(access: Access): RequestHandler {
  return async (request, response, next) => {
    const user = await access.identify(request, response);
    if (user === undefined) return;
    response.locals['user'] = user;
    next();
  };
}

/** Who was let in. */
export const userOf = (response: Response): User => response.locals['user'] as User;

/** Everybody is let in. */
export const openAccess: Access = { identify: () => ({ name: 'anonymous' }) };
