import { type Health, type Logger, toError } from '@cordwood/service';
import { type Request, type Response, Router } from 'express';
import * as oidc from 'openid-client';
import { notice } from '../http/notice.ts';
import { groupsOf, nameOf, pathWithin } from './claims.ts';
import { cookieOf, cookieOptions } from './cookies.ts';
import { addressOf, type Failures } from './failures.ts';
import type { Sealed } from './sealed.ts';
import type { Access } from './user.ts';

export interface OidcAccessOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined: a public client. */
  readonly clientSecret: string | undefined;
  readonly scope: string;
  readonly groupsClaim: string;
  /** Undefined: whoever signs in. */
  readonly allowedGroups: readonly string[] | undefined;
  /** PUBLIC_URL without a slash at its end. */
  readonly publicUrl: string;
  readonly basePath: string;
  readonly sessionMs: number;
  readonly sealed: Sealed;
  readonly failures: Failures;
  readonly health: Health;
  readonly logger: Logger;
}

const SESSION = 'cordwood_session';
const SIGN_IN = 'cordwood_sign_in';
/** How long signing in may take. */
const SIGN_IN_MS = 10 * 60_000;

/** Authorization code flow with PKCE; who is signed in stands in an encrypted cookie, and nowhere else. */
export function oidcAccess(options: OidcAccessOptions): Access {
  const { basePath, publicUrl, sealed, failures, logger } = options;
  const below = (path: string) => `${basePath === '/' ? '' : basePath}${path}`;
  const sessionCookie = cookieOptions(publicUrl, basePath);
  const signInCookie = cookieOptions(publicUrl, below('/login'));
  const redirectUri = `${publicUrl}/login/callback`;
  const discovered = discovery(options);

  const signIn = async (request: Request, response: Response) => {
    const config = await discovered();
    const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
    const to = pathWithin(basePath, request.query['to']);
    const kept = await sealed.seal('sign-in', { verifier, state, nonce, to }, SIGN_IN_MS);
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: options.scope,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    response.cookie(SIGN_IN, kept, { ...signInCookie, maxAge: SIGN_IN_MS }).redirect(url.href);
  };

  /** Where to go on; throws when the issuer did not sign somebody in whom we sent there. */
  const finish = async (request: Request, response: Response): Promise<string | undefined> => {
    const kept = await sealed.open('sign-in', cookieOf(request, SIGN_IN) ?? '');
    response.clearCookie(SIGN_IN, signInCookie);
    if (kept === undefined) throw new Error('this browser did not begin to sign in, or too long ago');
    const asked = new URL(redirectUri);
    asked.search = new URL(request.originalUrl, publicUrl).search;
    const tokens = await oidc.authorizationCodeGrant(await discovered(), asked, {
      pkceCodeVerifier: String(kept['verifier']),
      expectedState: String(kept['state']),
      expectedNonce: String(kept['nonce']),
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new Error('the issuer gave no ID token');
    const name = nameOf(claims);
    const groups = groupsOf(claims, options.groupsClaim);
    if (options.allowedGroups?.some((group) => groups.includes(group)) === false) {
      logger.warn('sign-in refused: not in any of the allowed groups', { user: name, groups });
      notice(response, 403, 'Not allowed', `${name} is in none of the groups that may see the queues.`);
      return undefined;
    }
    const session = await sealed.seal('session', { sub: claims.sub, name }, options.sessionMs);
    response.cookie(SESSION, session, { ...sessionCookie, maxAge: options.sessionMs });
    logger.info('signed in', { user: name });
    return pathWithin(basePath, kept['to']);
  };

  const routes = Router();
  routes.use(['/login', '/logout'], (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  routes.get('/login', async (request, response) => {
    try {
      await signIn(request, response);
    } catch (error) {
      logger.warn('the issuer cannot be asked', { error: toError(error) });
      notice(response, 503, 'Sign-in is away', 'The identity provider gives no answer. Try again in a while.');
    }
  });
  routes.get('/login/callback', async (request, response) => {
    const wait = await failures.waitFor(request);
    if (wait !== undefined) {
      response.set('Retry-After', String(wait));
      notice(response, 429, 'Too many failed sign-ins', 'Wait a minute.');
      return;
    }
    try {
      const to = await finish(request, response);
      if (to !== undefined) response.redirect(to);
    } catch (error) {
      await failures.add(request);
      logger.warn('sign-in failed', { address: addressOf(request), error: toError(error) });
      notice(response, 401, 'Sign-in failed', 'You are not signed in.', { text: 'Try again', href: below('/login') });
    }
  });
  routes.get('/logout', (_request, response) => {
    response.clearCookie(SESSION, sessionCookie);
    notice(response, 200, 'Signed out', 'You are signed out of the queues, but not of your identity provider.', {
      text: 'Sign in again',
      href: below('/login'),
    });
  });

  return {
    routes,
    identify: async (request, response) => {
      response.set('Cache-Control', 'no-store');
      const session = await sealed.open('session', cookieOf(request, SESSION) ?? '');
      if (session !== undefined) return { name: String(session['name']) };
      // A page can be left for the issuer's; a script that asks for data cannot.
      if (request.method === 'GET' && request.accepts(['json', 'html']) === 'html') {
        response.redirect(`${below('/login')}?${new URLSearchParams({ to: request.originalUrl }).toString()}`);
      } else {
        response.status(401).json({ error: 'You are not signed in any more: load the page again.' });
      }
      return undefined;
    },
  };
}

/** What the issuer says of itself: asked for when first needed, and again until it answers. */
function discovery({ issuer, clientId, clientSecret, health }: OidcAccessOptions): () => Promise<oidc.Configuration> {
  let known: Promise<oidc.Configuration> | undefined;
  let state = 'not asked yet';
  // Never a reason to get no requests: who is signed in already needs no issuer.
  health.addReadiness('issuer', () => undefined, { details: () => ({ state }) });
  const discover = async () => {
    try {
      const config = await oidc.discovery(new URL(issuer), clientId, undefined, authentication(clientSecret), {
        execute: [
          // An ID token that comes from the issuer itself need not be looked at, where TLS says that it does; but what does it cost.
          oidc.enableNonRepudiationChecks,
          // Who configures an http: URL wants it so. The function is marked as deprecated so that it catches the eye.
          // eslint-disable-next-line @typescript-eslint/no-deprecated
          ...(issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : []),
        ],
        timeout: 10,
      });
      state = 'known';
      return config;
    } catch (error) {
      known = undefined;
      state = `away: ${toError(error).message}`;
      throw error;
    }
  };
  return () => (known ??= discover());
}

/** In the header, as the standard would have it, unless the issuer takes it in the body alone. */
function authentication(secret: string | undefined): oidc.ClientAuth {
  if (secret === undefined) return oidc.None();
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)];
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const authenticate = methods.includes('client_secret_basic') ? basic : post;
    authenticate(server, client, body, headers);
  };
}
