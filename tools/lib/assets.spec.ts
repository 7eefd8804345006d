import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { copyAssets } from './assets.ts';
import { bundle } from './bundle.ts';

let dir: string;
let system: TestSystem;
beforeAll(async () => {
  // Outside of the repository, so that nothing is found in its node_modules.
  dir = await mkdtemp(join(tmpdir(), 'cordwood-bundle-'));
  system = await startTestSystem();
});
afterAll(async () => {
  await system.close();
  await rm(dir, { recursive: true, force: true });
});

test('the bundled reader serves its documentation', async () => {
  await bundle('apps/reader-api/src/main.ts', join(dir, 'built/main.js'));
  await copyAssets('apps/reader-api', join(dir, 'built'));
  // As the image has it.
  await cp(join(dir, 'built'), join(dir, 'app'), { recursive: true });
  await rm(join(dir, 'built'), { recursive: true });
  const app = await startApp('reader-api', { ...system.env, PORT: '0' }, { main: join(dir, 'app/main.js') });
  try {
    const { ports } = (await app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
    const get = (path: string) => fetch(`http://127.0.0.1:${ports.http}${path}`);
    for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'page.js']) {
      const response = await get(`/docs/${file}`);
      expect([file, response.status]).toEqual([file, 200]);
      expect((await response.text()).length).toBeGreaterThan(100);
    }
    expect(await (await get('/openapi.json')).json()).toMatchObject({ openapi: '3.1.1' });
  } finally {
    app.kill('SIGKILL');
    await app.ended;
  }
});

test('the bundled dashboard serves its page', async () => {
  await bundle('apps/queue-dashboard/src/main.ts', join(dir, 'dashboard/main.js'));
  await copyAssets('apps/queue-dashboard', join(dir, 'dashboard'));
  const app = await startApp('queue-dashboard', { ...system.env, PORT: '0' }, { main: join(dir, 'dashboard/main.js') });
  try {
    const { ports } = (await app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
    const get = (path: string) => fetch(`http://127.0.0.1:${ports.http}${path}`);
    const page = await (await get('/')).text();
    const files = Array.from(
      page.matchAll(/(?:src|href)="((?:static|dashboard)[^"]+)"/g),
      ([, path]) => `/${path ?? ''}`,
    );
    expect(files.length).toBeGreaterThan(5);
    for (const file of [...files, '/static/locales/en-US/messages.json', '/api/queues']) {
      const { status, headers } = await get(file);
      expect([file, status, headers.get('content-type')]).toEqual([file, 200, expect.not.stringContaining('html')]);
    }
  } finally {
    app.kill('SIGKILL');
    await app.ended;
  }
});
