import { freePort, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Dashboard, startDashboard } from './harness.ts';
import { CLIENT, type SignInIssuer, startSignInIssuer } from './sign-in-issuer.ts';

/** AUTH_MODE=oidc, by requests as a browser would make them; browser.spec.ts has a real one. */

const SECRET = 'what replicas share, 32 characters';
let system: TestSystem;
let issuer: SignInIssuer;
let dashboard: Dashboard;

async function start(env: Readonly<Record<string, string>> = {}): Promise<Dashboard> {
  const port = await freePort();
  return startDashboard(system, {
    AUTH_MODE: 'oidc',
    HOST: '127.0.0.1',
    PORT: String(port),
    BASE_PATH: '/queues',
    PUBLIC_URL: `http://127.0.0.1:${port}/queues`,
    OIDC_ISSUER: issuer.url,
    OIDC_CLIENT_ID: CLIENT.id,
    OIDC_CLIENT_SECRET: CLIENT.secret,
    OIDC_ALLOWED_GROUPS: 'ops, sre',
    SESSION_SECRET: SECRET,
    DASHBOARD_MODE: 'operator',
    SIGN_IN_LIMIT: 'off',
    ...env,
  });
}

beforeAll(async () => {
  issuer = await startSignInIssuer();
  system = await startTestSystem();
  dashboard = await start();
});
afterAll(async () => {
  await system.close();
  await issuer.stop();
});
beforeEach(() => {
  issuer.claims = { preferred_username: 'ada', groups: ['dev', 'ops'] };
  issuer.forges = false;
  issuer.down = false;
});

/** Cookies as a browser keeps them; those that are taken away, too. */
class Jar {
  readonly #cookies = new Map<string, string>();
  /** As they were sent, with their attributes. */
  readonly received: string[] = [];

  take(response: Response): Response {
    for (const line of response.headers.getSetCookie()) {
      this.received.push(line);
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  get header(): Record<string, string> {
    return { Cookie: Array.from(this.#cookies, (pair) => pair.join('=')).join('; ') };
  }
}

/** Goes to sign in, and gives where the issuer leads back to. */
async function askIssuer(jar: Jar, at = dashboard, to = '/queues/queue/scan'): Promise<string> {
  const left = jar.take(await at.request(`/login?${new URLSearchParams({ to }).toString()}`));
  expect(left.status).toBe(302);
  const page = await (await fetch(left.headers.get('location') ?? '')).text();
  return (/href="(http[^"]+)">Sign in/.exec(page)?.[1] ?? '').replaceAll('&amp;', '&');
}

const follow = async (jar: Jar, url: string) => jar.take(await fetch(url, { redirect: 'manual', headers: jar.header }));

async function signIn(at = dashboard): Promise<Jar> {
  const jar = new Jar();
  const back = await follow(jar, await askIssuer(jar, at));
  expect([back.status, back.headers.get('location')]).toEqual([302, '/queues/queue/scan']);
  return jar;
}

const html = { Accept: 'text/html' };

describe('signing in', () => {
  test('nothing is shown to who is not; pages lead to the issuer, data are refused', async () => {
    const page = await dashboard.request('/queue/scan?status=failed', { headers: html });
    expect(page.status).toBe(302);
    expect(page.headers.get('location')).toBe('/queues/login?to=%2Fqueues%2Fqueue%2Fscan%3Fstatus%3Dfailed');
    for (const [path, method] of [
      ['/api/queues', 'GET'],
      ['/static/images/logo.svg', 'GET'],
      ['/api/queues/pause', 'PUT'],
    ] as const) {
      expect((await dashboard.request(path, { method })).status).toBe(401);
    }
  });

  test('who signs in sees the queues, may change them, and is named in the log', async () => {
    const jar = await signIn();
    const page = await dashboard.request('/', { headers: { ...html, ...jar.header } });
    expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect((await dashboard.request('/api/queues', { headers: jar.header })).status).toBe(200);
    for (const action of ['pause', 'resume']) {
      const changed = await dashboard.request(`/api/queues/${action}`, { method: 'PUT', headers: jar.header });
      expect(changed.status).toBe(200);
    }
    expect(await dashboard.app.line('queues changed')).toMatchObject({ user: 'ada' });
    const foreign = { ...jar.header, Origin: 'https://evil.example' };
    expect((await dashboard.request('/api/queues/pause', { method: 'PUT', headers: foreign })).status).toBe(403);
  });

  test('cookies are out of scripts’ reach, for this path, and tell nothing', async () => {
    const jar = await signIn();
    const session = jar.received.find((line) => line.startsWith('cordwood_session=')) ?? '';
    expect(session).toMatch(/; Path=\/queues; .*HttpOnly; SameSite=Lax/);
    expect(Buffer.from(session, 'base64').toString()).not.toContain('ada');
    const begun = jar.received.find((line) => line.startsWith('cordwood_sign_in=')) ?? '';
    expect(begun).toMatch(/; Path=\/queues\/login; .*HttpOnly; SameSite=Lax/);
    // The address of browsers is not that of this test: nothing but what it is said to be counts.
    const secure = await start({ PUBLIC_URL: 'https://ops.example/queues' });
    const line = (await secure.request('/login')).headers.getSetCookie().join();
    expect(line).toContain('; Secure');
  });

  test('a session is good at another replica, and at none with another secret', async () => {
    const jar = await signIn();
    const [replica, stranger] = [await start(), await start({ SESSION_SECRET: `${SECRET} but other` })];
    expect((await replica.request('/api/queues', { headers: jar.header })).status).toBe(200);
    expect((await stranger.request('/api/queues', { headers: jar.header })).status).toBe(401);
  });

  test('signing out', async () => {
    const jar = await signIn();
    const out = jar.take(await dashboard.request('/logout', { headers: jar.header }));
    expect(await out.text()).toContain('Signed out');
    expect((await dashboard.request('/api/queues', { headers: jar.header })).status).toBe(401);
  });

  test('after signing in one is here, wherever one asked to be led', async () => {
    const jar = new Jar();
    const back = await follow(jar, await askIssuer(jar, dashboard, 'https://evil.example/'));
    expect(back.headers.get('location')).toBe('/queues/');
  });
});

describe('nobody is signed in', () => {
  const expectRefused = async (jar: Jar, url: string, status = 401): Promise<void> => {
    const response = await follow(jar, url);
    expect(response.status).toBe(status);
    expect(response.headers.getSetCookie().join()).not.toContain('cordwood_session');
    expect((await dashboard.request('/api/queues', { headers: jar.header })).status).toBe(401);
  };

  test('by an answer that another browser asked for', async () => {
    const url = await askIssuer(new Jar());
    await expectRefused(new Jar(), url);
    const begun = new Jar();
    await askIssuer(begun);
    await expectRefused(begun, url);
  });

  test('by an answer that came before', async () => {
    const jar = new Jar();
    const url = await askIssuer(jar);
    const kept = jar.header;
    expect((await follow(jar, url)).status).toBe(302);
    expect((await fetch(url, { redirect: 'manual', headers: kept })).status).toBe(401);
  });

  test.each<[string, () => void]>([
    ['signed by somebody else', () => (issuer.forges = true)],
    ['for somebody else', () => (issuer.claims = { aud: 'another client', groups: ['ops'] })],
    ['of another issuer', () => (issuer.claims = { iss: 'https://other.example', groups: ['ops'] })],
    ['for another sign-in', () => (issuer.claims = { nonce: 'another', groups: ['ops'] })],
    ['that is too old', () => (issuer.claims = { exp: 1_000, groups: ['ops'] })],
  ])('by an ID token %s', async (_what, prepare) => {
    prepare();
    const jar = new Jar();
    await expectRefused(jar, await askIssuer(jar));
  });

  test.each([[['dev']], [undefined], ['operators']])('who is in the groups %j', async (groups) => {
    issuer.claims = { preferred_username: 'eve', groups };
    const jar = new Jar();
    await expectRefused(jar, await askIssuer(jar), 403);
  });

  test('by a cookie that somebody made', async () => {
    for (const value of [
      'x',
      'a.b.c.d.e',
      `eyJhbGciOiJub25lIn0.${Buffer.from('{"name":"eve"}').toString('base64url')}.`,
    ]) {
      const headers = { Cookie: `cordwood_session=${value}` };
      expect((await dashboard.request('/api/queues', { headers })).status).toBe(401);
    }
  });

  test('when the issuer has it so, and whoever tries on has to wait', async () => {
    const limited = await start({ SIGN_IN_LIMIT: '2' });
    const denied = () => limited.request('/login/callback?error=access_denied&state=x');
    expect([(await denied()).status, (await denied()).status, (await denied()).status]).toEqual([401, 401, 429]);
  });

  test('while the issuer is away; who is signed in stays so', async () => {
    issuer.down = true;
    const fresh = await start();
    expect((await fresh.request('/login')).status).toBe(503);
    const ready = async () => (await fetch(`${fresh.app.opsUrl}/readyz`)).json();
    expect(await ready()).toMatchObject({
      checks: { issuer: { ok: true, details: { state: expect.stringContaining('away') } } },
    });
    issuer.down = false;
    const jar = await signIn(fresh);
    issuer.down = true;
    expect((await fresh.request('/api/queues', { headers: jar.header })).status).toBe(200);
  });
});
