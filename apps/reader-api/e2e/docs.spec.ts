import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { findChromium, putRaw, startBrowser, type TestBrowser } from '@cordwood/testkit';
import type { AxeResults } from 'axe-core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Reader, startReader, startSystemAndReader } from './harness.ts';

let reader: Reader;
beforeAll(async () => {
  reader = await startSystemAndReader();
  await putRaw(reader.system.store, { pod: 'sample-job', index: 0, messages: ['one', 'two'] });
});
afterAll(() => reader.system.close());

describe('files', () => {
  test.each([
    ['/docs', 'text/html'],
    ['/docs/page.js', 'text/javascript'],
    ['/docs/page.css', 'text/css'],
    ['/docs/swagger-ui.css', 'text/css'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript'],
  ])('%s', async (path, type) => {
    const plain = await reader.get(path, { headers: { 'accept-encoding': 'identity' } });
    expect([plain.status, plain.headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`]);
    expect([plain.headers.get('content-encoding'), plain.headers.get('vary')]).toEqual([null, 'Accept-Encoding']);
    const gzipped = await reader.get(path, { headers: { 'accept-encoding': 'gzip' } });
    expect(gzipped.headers.get('content-encoding')).toBe('gzip');
    expect(await gzipped.text()).toBe(await plain.text());
    expect((await reader.get(path, { method: 'HEAD' })).status).toBe(200);
  });

  test('the page allows nothing from elsewhere', async () => {
    const policy = (await reader.get('/docs')).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/);
  });

  test('a slash too many leads to the page', async () => {
    const response = await reader.get('/docs/', { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([308, '../docs']);
    expect((await reader.get('/docs/')).status).toBe(200);
  });

  test.each(['/docs/none.js', '/docs/..%2f..%2fpackage.json', '/docs/toString', '/docs/constructor'])(
    '%s: there is none',
    async (path) => expect((await reader.get(path)).status).toBe(404),
  );
});

const program = findChromium();
if (program === undefined) process.stderr.write('NO CHROMIUM: /docs is not tested in a browser\n');
// Only where no browser can be had; tools/lib/chromium.ts gets one wherever that may be done.
const inBrowser = program === undefined ? describe.skip : describe;

inBrowser('in a browser', () => {
  let browser: TestBrowser;
  beforeAll(async () => void (browser = await startBrowser(program ?? '')));
  afterAll(() => browser.close());

  const openDocs = async (of = reader) => {
    const opened = await browser.open();
    await opened.page.goto(`${of.url}/docs`);
    await opened.page.locator('.opblock').first().waitFor();
    return opened;
  };

  test('all operations are there, and nothing is asked of others', async () => {
    const { page, problems } = await openDocs();
    const { paths } = (await (await reader.get('/openapi.json')).json()) as { paths: Record<string, object> };
    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    const texts = (part: string) => page.locator(`.opblock ${part}`).allTextContents();
    const [methods, routes] = [await texts('.opblock-summary-method'), await texts('.opblock-summary-path')];
    // It puts zero-width spaces where a path may break.
    const shown = methods.map((method, index) =>
      `${method} ${routes[index] ?? ''}`.toLowerCase().replace(/\u200b/g, ''),
    );
    expect(shown.toSorted()).toEqual(described.toSorted());
    expect(problems).toEqual([]);
  });

  test('an operation can be tried out', async () => {
    const { page, problems } = await openDocs();
    const ping = page.locator('#operations-service-ping');
    await ping.locator('.opblock-summary-control').click();
    await ping.getByRole('button', { name: 'Try it out' }).click();
    await ping.getByRole('button', { name: 'Execute' }).click();
    await ping.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
    expect(await ping.locator('.live-responses-table').innerText()).toContain('Pong');

    const log = page.locator('#operations-logs-getLog');
    await log.locator('.opblock-summary-control').click();
    await log.getByRole('button', { name: 'Try it out' }).click();
    await log.getByRole('button', { name: 'Execute' }).click();
    await log.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
    expect(await log.locator('.live-responses-table').innerText()).toContain('one\ntwo');
    expect(problems).toEqual([]);
  });

  test('it can be read by everybody: nothing that axe calls serious', async () => {
    // With tokens there is more on the page.
    const { page } = await openDocs(await startReader(reader.system, OIDC));
    await page.getByRole('button', { name: 'Authorize' }).waitFor();
    await page.locator('#operations-logs-getLog .opblock-summary-control').click();
    await page.locator('#operations-logs-getLog .opblock-body').waitFor();
    await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    const serious = violations.filter(({ id, impact }) => isSerious(impact) && !UPSTREAM.includes(id));
    const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
    expect(told).toEqual([]);
  });
});

/** Nobody need be there: what is public is shown before anybody is asked who they are. */
const OIDC = { AUTH_MODE: 'oidc', OIDC_ISSUER: 'http://127.0.0.1:9', OIDC_AUDIENCE: 'cordwood' };
/** What only Swagger UI itself can mend: each operation's heading is a button that holds others. */
const UPSTREAM = ['nested-interactive'];
const isSerious = (impact: string | null | undefined) => impact === 'serious' || impact === 'critical';
