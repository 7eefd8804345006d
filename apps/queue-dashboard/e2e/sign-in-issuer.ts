import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** An OpenID Connect issuer that people sign in at: discovery, authorization code flow with PKCE, keys. Its page has one link: to sign in. */
export interface SignInIssuer {
  readonly url: string;
  /** What ID tokens say besides; a test may say otherwise. */
  claims: Readonly<Record<string, unknown>>;
  /** While true, tokens are signed with a key that is not in the set. */
  forges: boolean;
  /** While true, every request is answered with 503. */
  down: boolean;
  stop(): Promise<void>;
}

export const CLIENT = { id: 'cordwood-queues', secret: 'the client’s secret' };

interface Grant {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirectUri: string;
}

/** As the standard has a client's id and secret in the header. */
const fromForm = (value: string): string => decodeURIComponent(value.replaceAll('+', ' '));

export async function startSignInIssuer(): Promise<SignInIssuer> {
  const [key, otherKey] = [await generateKeyPair('ES256', { extractable: true }), await generateKeyPair('ES256')];
  const grants = new Map<string, Grant>();
  const idToken = async (nonce: string): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: issuer.url, aud: CLIENT.id, sub: 'user-1', iat: now, exp: now + 300, nonce, ...issuer.claims };
    const signer = issuer.forges ? otherKey : key;
    return new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: 'key-1' }).sign(signer.privateKey);
  };

  /** A code for whoever follows the link, as if they had said who they are. */
  const authorize = (query: URLSearchParams): string => {
    const code = randomUUID();
    const redirectUri = query.get('redirect_uri') ?? '';
    if (query.get('code_challenge_method') !== 'S256') throw new Error('PKCE is needed');
    grants.set(code, { challenge: query.get('code_challenge') ?? '', nonce: query.get('nonce') ?? '', redirectUri });
    const back = new URL(redirectUri);
    back.search = new URLSearchParams({ code, state: query.get('state') ?? '' }).toString();
    return `<!doctype html><html lang="en"><title>Issuer</title><link rel="icon" href="data:,"><a href="${back.href.replaceAll('&', '&amp;')}">Sign in</a>`;
  };

  /** Undefined: the client may not have it. */
  const exchange = async (request: IncomingMessage): Promise<object | undefined> => {
    const form = new URLSearchParams(await text(request));
    const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const client = Buffer.from(encoded, 'base64').toString().split(':').map(fromForm);
    const grant = grants.get(form.get('code') ?? '');
    // A code is good for once.
    grants.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isGood =
      client[0] === CLIENT.id &&
      client[1] === CLIENT.secret &&
      grant?.challenge === challenge &&
      grant.redirectUri === form.get('redirect_uri');
    return isGood
      ? { access_token: randomUUID(), token_type: 'Bearer', expires_in: 300, id_token: await idToken(grant.nonce) }
      : undefined;
  };

  const server = createServer((request, response) => {
    const answer = async () => {
      const url = new URL(request.url ?? '/', issuer.url);
      const json = (status: number, body: object) =>
        response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
      if (issuer.down) return response.writeHead(503).end();
      switch (url.pathname) {
        case '/.well-known/openid-configuration':
          return json(200, {
            issuer: issuer.url,
            authorization_endpoint: `${issuer.url}/authorize`,
            token_endpoint: `${issuer.url}/token`,
            jwks_uri: `${issuer.url}/keys`,
            response_types_supported: ['code'],
            id_token_signing_alg_values_supported: ['ES256'],
            code_challenge_methods_supported: ['S256'],
          });
        case '/keys':
          return json(200, { keys: [{ ...(await exportJWK(key.publicKey)), kid: 'key-1', alg: 'ES256', use: 'sig' }] });
        case '/authorize':
          return response.writeHead(200, { 'Content-Type': 'text/html' }).end(authorize(url.searchParams));
        case '/token': {
          const tokens = await exchange(request);
          return tokens === undefined ? json(400, { error: 'invalid_grant' }) : json(200, tokens);
        }
        default:
          return response.writeHead(404).end();
      }
    };
    answer().catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer: SignInIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    claims: {},
    forges: false,
    down: false,
    stop: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
  return issuer;
}
