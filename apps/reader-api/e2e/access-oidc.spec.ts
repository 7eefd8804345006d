import { eventually, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, logPath, putMerged, type Reader, startReader } from './harness.ts';
import { AUDIENCE, type Claims, type OidcIssuer, startOidcIssuer } from './oidc-issuer.ts';

/** AUTH_MODE=oidc: which tokens are good, and what their claims allow. */

let system: TestSystem;
let issuer: OidcIssuer;
let reader: Reader;

const oidcEnv = (): Record<string, string> => ({
  AUTH_MODE: 'oidc',
  HOST: '127.0.0.1',
  OIDC_ISSUER: issuer.url,
  OIDC_AUDIENCE: AUDIENCE,
  OIDC_KEYS_COOLDOWN: '1s',
});

beforeAll(async () => {
  issuer = await startOidcIssuer();
  system = await startTestSystem();
  reader = await startReader(system, {
    ...oidcEnv(),
    OIDC_JOBS_CLAIM: 'cordwood.jobs',
    OIDC_DELETE_CLAIM: 'https://cordwood.example/delete',
  });
  for (const [pod, namespace] of [
    ['train-1', 'team-a'],
    ['serve-1', 'team-a'],
    ['train-2', 'team-b'],
    ['delete-me', 'team-a'],
  ] as const) {
    await putMerged(system, { pod, namespace, files: [[`log of ${pod}`]] });
  }
});
afterAll(async () => {
  await system.close();
  await issuer.stop();
});

const ALL_JOBS = { cordwood: { jobs: '*' } };
const TEAM_A = { namespaces: ['team-a'], ...ALL_JOBS };
const bearer = (token: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { Authorization: `Bearer ${token}` },
});
const withClaims = async (claims: Claims, path: string, init: RequestInit = {}) =>
  reader.get(path, bearer(await issuer.token(claims), init));

describe('which tokens are good', () => {
  const now = () => Math.floor(Date.now() / 1000);

  test('one of the issuer, for us', async () => {
    const response = await withClaims(TEAM_A, logPath('train-1'));
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('log of train-1\n');
    expect((await withClaims({ ...TEAM_A, aud: ['other', AUDIENCE] }, logPath('train-1'))).status).toBe(200);
    // Clocks differ.
    expect((await withClaims({ ...TEAM_A, exp: now() - 10 }, logPath('train-1'))).status).toBe(200);
  });

  test.each<[string, () => Claims]>([
    ['for others', () => ({ aud: 'other' })],
    ['for nobody', () => ({ aud: undefined })],
    ['of another issuer', () => ({ iss: 'https://evil.example' })],
    ['expired', () => ({ exp: now() - 120 })],
    ['for ever', () => ({ exp: undefined })],
    ['not yet', () => ({ nbf: now() + 120 })],
    ['of nobody', () => ({ sub: undefined })],
  ])('%s: 401', async (_name, claims) => {
    const response = await withClaims({ ...TEAM_A, ...claims() }, logPath('train-1'));
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(await errorOf(response)).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  test.each(['another key', 'the public key as a secret', 'nobody'] as const)('signed by %s: 401', async (by) => {
    const response = await reader.get(logPath('train-1'), bearer(await issuer.forge(TEAM_A, by)));
    expect(await errorOf(response)).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  test.each(['garbage', 'a.b.c', 'x'.repeat(100)])('%s: 401', async (token) => {
    expect((await reader.get(logPath('train-1'), bearer(token))).status).toBe(401);
  });

  test('tokens are found nowhere in what the process says', async () => {
    const token = await issuer.token({ ...TEAM_A, iss: 'https://evil.example', marker: 'x'.repeat(50) });
    const answer = await (await reader.get(logPath('train-1'), bearer(token))).text();
    const metrics = await (await reader.get('/metrics')).text();
    for (const text of [answer, metrics, reader.app.output]) {
      for (const part of token.split('.')) expect(text).not.toContain(part.slice(0, 30));
    }
  });
});

describe('what claims allow', () => {
  const statuses = async (claims: Claims, ...paths: string[]) =>
    Promise.all(paths.map(async (path) => (await withClaims(claims, path)).status));

  test.each<[string, Claims, number, number]>([
    ['a list', { namespaces: ['team-b', 'team-a'] }, 200, 200],
    ['text with commas', { namespaces: 'other,team-b' }, 403, 200],
    ['text with blanks', { namespaces: 'team-a  team-c' }, 200, 403],
    ['patterns', { namespaces: ['*-b'] }, 403, 200],
    ['everything', { namespaces: '*' }, 200, 200],
    ['nothing', {}, 403, 403],
    ['what is no list', { namespaces: { 'team-a': true } }, 403, 403],
    ['true', { namespaces: true }, 403, 403],
    ['a list of odd things', { namespaces: [1, null, ['team-a'], 'team-b'] }, 403, 200],
  ])('namespaces: %s', async (_name, claims, ofA, ofB) => {
    expect(await statuses({ ...ALL_JOBS, ...claims }, logPath('train-1'), logPath('train-2'))).toEqual([ofA, ofB]);
  });

  test('jobs, by a path through claims', async () => {
    const paths = [logPath('train-1'), logPath('serve-1'), logPath('train-2')];
    expect(await statuses({ namespaces: '*', cordwood: { jobs: ['train-*'] } }, ...paths)).toEqual([200, 403, 200]);
    expect(await statuses({ namespaces: '*' }, ...paths)).toEqual([403, 403, 403]);
    const page = await (await withClaims({ namespaces: '*', cordwood: { jobs: 'serve-1' } }, '/api/v1/jobs')).json();
    expect(page).toMatchObject({ jobs: [{ name: 'serve-1' }], next_cursor: null });
  });

  test('403 whether there is such a job or not, unless all may be read', async () => {
    expect(await statuses(TEAM_A, logPath('train-2'), logPath('train-9'))).toEqual([403, 403]);
    expect(await statuses({ namespaces: '*', ...ALL_JOBS }, logPath('train-9'))).toEqual([404]);
  });

  test('metadata that cannot be read tells nobody else that there is such a job', async () => {
    await system.store.put('metadata/unreadable.json', Buffer.from('?'));
    for (const path of [logPath('unreadable'), '/api/v1/jobs/unreadable'])
      expect(await errorOf(await withClaims(TEAM_A, path))).toMatchObject({ status: 403, code: 'forbidden' });
    const deletion = await withClaims(TEAM_A, logPath('unreadable'), { method: 'DELETE' });
    expect(await errorOf(deletion)).toMatchObject({ status: 403, code: 'forbidden' });
    const all = { namespaces: ['*'], ...ALL_JOBS };
    expect(await errorOf(await withClaims(all, logPath('unreadable')))).toMatchObject({ code: 'metadata_unreadable' });
  });

  test('deleting', async () => {
    const claim = 'https://cordwood.example/delete';
    const remove = async (claims: Claims) =>
      (await withClaims({ ...ALL_JOBS, ...claims }, logPath('delete-me'), { method: 'DELETE' })).status;
    expect(await remove({ namespaces: '*' })).toBe(403);
    expect(await remove({ namespaces: '*', [claim]: false })).toBe(403);
    expect(await remove({ namespaces: '*', [claim]: 'true' })).toBe(403);
    expect(await remove({ namespaces: '*', [claim]: ['team-b'] })).toBe(403);
    expect(await remove({ namespaces: 'team-b', [claim]: true })).toBe(403);
    expect((await withClaims(TEAM_A, logPath('delete-me'))).status).toBe(200);
    expect(await remove({ namespaces: 'team-a', [claim]: true })).toBe(200);
    expect(await remove({ namespaces: 'team-a', [claim]: 'team-*' })).toBe(200);
    expect((await withClaims(TEAM_A, logPath('delete-me'))).status).toBe(404);
  });
});

describe('the issuer', () => {
  test('keys rotate: tokens of the new one are good, those of the old one are not', async () => {
    const old = await issuer.token(TEAM_A);
    await issuer.rotate();
    const fresh = await issuer.token(TEAM_A);
    await eventually(
      'the new key is known',
      async () => (await reader.get(logPath('train-1'), bearer(fresh))).status === 200,
    );
    expect((await reader.get(logPath('train-1'), bearer(old))).status).toBe(401);
  });

  test('tokens with unknown keys do not fetch keys all the time', async () => {
    const forged = await issuer.token(TEAM_A);
    await issuer.rotate();
    const fresh = await issuer.token(TEAM_A);
    await eventually(
      'the new key is known',
      async () => (await reader.get(logPath('train-1'), bearer(fresh))).status === 200,
    );
    const before = issuer.fetches;
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 50 }, () => reader.get(logPath('train-1'), bearer(forged))));
    // Once for every second that it took.
    expect(issuer.fetches - before).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - startedAt) / 1000));
  });

  test('away while we start: 503 until it is there; known keys outlast it', async () => {
    issuer.down = true;
    const early = await startReader(system, oidcEnv());
    const token = await issuer.token(TEAM_A);
    const ask = () => early.get(logPath('train-1'), bearer(token));
    const response = await ask();
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'identity_unavailable' });
    const access = async () =>
      (
        (await (await early.get('/readyz')).json()) as {
          checks: { access: { ok: boolean; details: { state: string } } };
        }
      ).checks.access;
    expect(await access()).toMatchObject({
      ok: true,
      details: { mode: 'oidc', state: expect.stringContaining('503') },
    });
    issuer.down = false;
    await eventually('keys are there', async () => (await ask()).status === 200);
    issuer.down = true;
    expect((await ask()).status).toBe(200);
    issuer.down = false;
    expect((await access()).details.state).toBe('keys are there');
  });

  test('nobody may read anything of theirs where the discovery document is of somebody else', async () => {
    const odd = await startReader(system, { ...oidcEnv(), OIDC_ISSUER: `${issuer.url}/` });
    expect((await odd.get(logPath('train-1'), bearer(await issuer.token(TEAM_A)))).status).toBe(503);
  });
});
