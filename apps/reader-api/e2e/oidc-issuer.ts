import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** What a token says; undefined leaves a claim out that it would have. */
export type Claims = Readonly<Record<string, unknown>>;

/** An OIDC issuer: discovery, keys, and whatever tokens a test wants signed. */
export interface OidcIssuer {
  readonly url: string;
  /** From now on a new key signs, and the old one is gone from the set. */
  rotate(): Promise<void>;
  /** A good token of an hour, with these claims added or, where undefined, left out. */
  token(claims?: Claims): Promise<string>;
  /** One of the same header and claims, signed with another secret or key. */
  forge(claims: Claims, by: 'another key' | 'the public key as a secret' | 'nobody'): Promise<string>;
  /** While true, every request is answered with 503. */
  down: boolean;
  /** Times that the keys were fetched. */
  readonly fetches: number;
  stop(): Promise<void>;
}

export const AUDIENCE = 'cordwood-test';

export async function startOidcIssuer(): Promise<OidcIssuer> {
  const newKey = async (number: number) => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    return { ...pair, kid: `key-${number}` };
  };
  let keys = 1;
  let key = await newKey(keys);
  let fetches = 0;
  const server = createServer((request, response) => {
    const answer = async () => {
      if (issuer.down) return response.writeHead(503).end();
      response.setHeader('content-type', 'application/json');
      if (request.url === '/.well-known/openid-configuration') {
        return response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }));
      }
      fetches++;
      const jwk = { ...(await exportJWK(key.publicKey)), kid: key.kid, alg: 'ES256', use: 'sig' };
      return response.end(JSON.stringify({ keys: [jwk] }));
    };
    void answer();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const payload = (claims: Claims): JWTPayload => {
    const now = Math.floor(Date.now() / 1000);
    const all: Claims = { iss: issuer.url, aud: AUDIENCE, sub: 'somebody', iat: now, exp: now + 3600, ...claims };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  };
  const issuer: OidcIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rotate: async () => {
      key = await newKey(++keys);
    },
    token: (claims = {}) =>
      new SignJWT(payload(claims)).setProtectedHeader({ alg: 'ES256', kid: key.kid }).sign(key.privateKey),
    forge: async (claims, by) => {
      if (by === 'nobody') {
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
        return `${part({ alg: 'none', kid: key.kid })}.${part(payload(claims))}.`;
      }
      if (by === 'another key') {
        const { privateKey } = await generateKeyPair('ES256');
        return new SignJWT(payload(claims)).setProtectedHeader({ alg: 'ES256', kid: key.kid }).sign(privateKey);
      }
      const secret = Buffer.from(await exportSPKI(key.publicKey));
      return new SignJWT(payload(claims)).setProtectedHeader({ alg: 'HS256', kid: key.kid }).sign(secret);
    },
    down: false,
    get fetches() {
      return fetches;
    },
    stop: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
  return issuer;
}
