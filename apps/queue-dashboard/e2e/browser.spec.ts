import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { eventually, findChromium, freePort, startBrowser, type TestBrowser, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { breakPod, type Dashboard, mendPod, startDashboard, startTroubledSystem, untilFailed } from './harness.ts';
import { CLIENT, startSignInIssuer } from './sign-in-issuer.ts';

/** The dashboard as people use it. */

const program = findChromium();
if (program === undefined) process.stderr.write('NO CHROMIUM: the dashboard is not tested in a browser\n');
// Only where no browser can be had; tools/lib/chromium.ts gets one wherever that may be done.
const inBrowser = program === undefined ? describe.skip : describe;

const PASSWORD = 'correct horse battery';
const BASIC = {
  AUTH_MODE: 'basic',
  HOST: '127.0.0.1',
  BASIC_AUTH_PASSWORD: PASSWORD,
  BASE_PATH: '/ops/queues',
  READER_URL: 'http://127.0.0.1:9/reader',
};
const FAILED = '/queue/compaction?status=failed';

inBrowser('in a browser', () => {
  let system: TestSystem;
  let browser: TestBrowser;
  beforeAll(async () => {
    system = await startTroubledSystem();
    browser = await startBrowser(program ?? '');
  });
  afterAll(async () => {
    await browser.close();
    await system.close();
  });

  /** As when somebody types the name and the password: the browser keeps them for this address. */
  async function signIn(dashboard: Dashboard) {
    const opened = await browser.open();
    await opened.page.goto(dashboard.url.replace('//', `//operator:${encodeURIComponent(PASSWORD)}@`));
    await opened.page.goto(`${dashboard.url}/`);
    await opened.page.getByRole('link', { name: 'compaction' }).first().waitFor();
    return opened;
  }

  /** A job's card. */
  const card = (page: Page, pod: string) =>
    page
      .locator('[class*="card-"]')
      .filter({ has: page.getByText(`compact-${pod}`, { exact: true }) })
      .last();

  test('signing in with the password; with a wrong one nothing is shown', async () => {
    const dashboard = await startDashboard(system, BASIC);
    const { page } = await browser.open();
    const wrong = page.goto(dashboard.url.replace('//', '//operator:not%20the%20password@'));
    await expect(wrong).rejects.toThrow('ERR_INVALID_AUTH_CREDENTIALS');
    expect(await page.getByRole('link', { name: 'compaction' }).count()).toBe(0);
    await page.close();

    const signedIn = await signIn(dashboard);
    for (const queue of ['scan', 'compaction', 'cleanup', 'sweep']) {
      await signedIn.page.getByRole('link', { name: queue }).first().waitFor();
    }
    expect(errorsOf(signedIn.problems)).toEqual([]);
    await signedIn.page.close();
  });

  test('read-only: a failed job says why it failed, and offers nothing that would change it', async () => {
    const dashboard = await startDashboard(system, BASIC);
    const { page, problems } = await signIn(dashboard);
    await page.getByText('read-only', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'compaction' }).first().click();
    await page
      .getByRole('link', { name: /failed/i })
      .last()
      .click();
    await page.getByText('compact-poison', { exact: true }).click();
    await page
      .getByRole('heading', { name: /^compact jobs\/poison: failed with 1 raw file \(\d+ B\) \(.+\): / })
      .waitFor();
    const text = await page.locator('body').innerText();
    expect(text).toContain('metadata/poison.json is not JSON');
    expect(page.url()).toContain('/ops/queues/queue/compaction/compact-poison');
    const log = await page.getByRole('link', { name: 'Log' }).getAttribute('href');
    expect(log).toBe(
      'http://127.0.0.1:9/reader/api/v1/jobs/poison/log?tail=1000&timestamps=true&follow=false&namespace=jobs',
    );
    for (const action of [/^retry/i, /^clean/i, /^promote/i, /^duplicate/i, /^update/i]) {
      expect(await page.getByRole('button', { name: action }).count()).toBe(0);
    }
    // The page's own rights are not enough, either.
    const status = await page.evaluate(
      `fetch('api/queues/compaction/compact-poison/retry', { method: 'PUT' }).then((answer) => answer.status)`,
    );
    expect(status).toBe(405);
    expect(errorsOf(problems).filter((problem) => !problem.includes('405'))).toEqual([]);
    await page.close();
  });

  test('what a finished job did can be read', async () => {
    const dashboard = await startDashboard(system);
    const { page, problems } = await browser.open();
    await page.goto(`${dashboard.url}/queue/compaction?status=completed`);
    await page.getByText(/^compact jobs\/fine: merged 1 raw file \(\d+ B, 2 records\) in/).waitFor();
    await page
      .getByText(/^compact-fine@/)
      .first()
      .click();
    await page.getByText('raw bytes').waitFor();
    expect(errorsOf(problems)).toEqual([]);
    await page.close();
  });

  test('operator: a failed job is retried, by the keyboard alone', async () => {
    const dashboard = await startDashboard(system, { DASHBOARD_MODE: 'operator' });
    await breakPod(system, 'stuck');
    await untilFailed(dashboard, 'stuck');
    await mendPod(system, 'stuck');
    const { page, problems } = await browser.open();
    await page.goto(dashboard.url + FAILED);
    await card(page, 'stuck').waitFor();
    await page.getByText('compact-stuck', { exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /^compact jobs\/stuck: failed/ }).waitFor();

    await tabTo(page, 'Retry');
    await page.keyboard.press('Enter');
    // It asks whether that is meant.
    const dialog = page.getByRole('alertdialog').or(page.getByRole('dialog'));
    await dialog.waitFor();
    await tabTo(page, /^confirm$/i);
    await page.keyboard.press('Enter');
    await eventually('merged', async () => (await system.keys('data/stuck/')).length > 0);
    await eventually('gone', async () => (await dashboard.stateOf('compaction', 'compact-stuck')) === undefined);
    // The job is gone, which the page that shows it finds out.
    expect(errorsOf(problems).filter((problem) => !problem.includes('404'))).toEqual([]);
    await page.close();
  });

  test.each(['light', 'dark'] as const)(
    '%s: it can be read and used by everybody: nothing that axe calls serious',
    async (colorScheme) => {
      const dashboard = await startDashboard(system, { DASHBOARD_MODE: 'operator' });
      const { page } = await browser.open();
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const path of [
        '/',
        FAILED,
        '/queue/compaction/compact-poison',
        '/queue/compaction?status=completed',
        '/queue/scan?status=delayed',
        '/job-schedulers',
      ]) {
        await page.goto(dashboard.url + path);
        await page.locator('main').first().waitFor();
        await page.waitForLoadState('networkidle');
        expect([path, await seriousProblems(page)]).toEqual([path, []]);
      }
      await page.close();
    },
  );

  test('signing in at an issuer', async () => {
    const issuer = await startSignInIssuer();
    const port = await freePort();
    const dashboard = await startDashboard(system, {
      AUTH_MODE: 'oidc',
      HOST: '127.0.0.1',
      PORT: String(port),
      BASE_PATH: '/queues',
      PUBLIC_URL: `http://127.0.0.1:${port}/queues`,
      OIDC_ISSUER: issuer.url,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
    });
    try {
      const { page, problems } = await browser.open();
      await page.goto(dashboard.url + FAILED);
      expect(page.url()).toContain(`${issuer.url}/authorize?`);
      await page.getByRole('link', { name: 'Sign in' }).click();
      await card(page, 'poison').waitFor();
      expect(page.url()).toBe(dashboard.url + FAILED);
      expect(await page.evaluate('document.cookie')).toBe('');
      expect(errorsOf(problems)).toEqual([]);
      const menu = page.locator('[class*="actions-"] li').last().getByRole('button');
      expect(await menu.getAttribute('aria-label')).toBe('Account');
      await menu.click();
      await page.getByText('Sign out', { exact: true }).click();
      await page.getByRole('heading', { name: 'Signed out' }).waitFor();
      expect(await seriousProblems(page)).toEqual([]);
      await page.goto(`${dashboard.url}/`);
      expect(page.url()).toContain(`${issuer.url}/authorize?`);
      await page.close();
    } finally {
      await issuer.stop();
    }
  });
});

/** Chromium warns of what bull-board preloads for a worker of its own, because the page itself does not use it. */
const errorsOf = (problems: readonly string[]): string[] =>
  problems.filter((problem) => !problem.includes('was preloaded using link preload'));

/** Goes on with the Tab key until something of this name has the focus. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<string>(
      `(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim()`,
    );
    if (typeof name === 'string' ? focused === name : name.test(focused)) return;
    seen.push(focused);
  }
  throw new Error(`not reached by the keyboard: ${String(name)}; but ${seen.join(' | ')}`);
}

async function seriousProblems(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 160)} ${JSON.stringify(any[0]?.data)}`).join(' | ')}`,
    );
}
