import type { CookieOptions, Request } from 'express';

/** The value of a cookie; undefined: there is none of this name. */
export function cookieOf({ headers }: Request, name: string): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [key = '', value = ''] = pair.trim().split('=', 2);
    if (key === name && value !== '') return value;
  }
  return undefined;
}

/**
 * For scripts out of reach. Lax and not strict: the issuer's page leads here, and what it leads to needs the session; requests of other sites that
 * change something are refused besides.
 */
export function cookieOptions(publicUrl: string, path: string): CookieOptions {
  return { httpOnly: true, sameSite: 'lax', secure: publicUrl.startsWith('https:'), path };
}
