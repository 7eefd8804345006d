import { createHealth, createLogger, createMetrics } from '@cordwood/service';
import { expect, test } from '@jest/globals';
import { createApp } from '../app.ts';
import { createRoutes } from '../routes.ts';
import { pathTemplate } from './parameters.ts';

/** Of Express, as far as it can be asked what it serves. */
interface Layer {
  readonly route?: { readonly path: string };
  readonly name: string;
  readonly handle: { readonly stack?: readonly Layer[] };
}

const pathsOf = (layers: readonly Layer[]): string[] =>
  layers.flatMap(({ route, handle }) => (route === undefined ? pathsOf(handle.stack ?? []) : [route.path]));

test('the app serves what the document describes, and nothing else', async () => {
  // No handler runs, so none needs what it works with.
  const routes = createRoutes({ needsToken: true, kubectl: {} } as Parameters<typeof createRoutes>[0]);
  const app = createApp({
    routes,
    health: createHealth(),
    metrics: createMetrics({ app: 'test', version: '1', defaults: false }),
    logger: createLogger({ app: 'test', level: 'error' }),
    limits: { idleClientMs: 1, maxUrl: 1 },
    corsOrigins: undefined,
  } as unknown as Parameters<typeof createApp>[0]);
  const served = new Set(pathsOf((app.router as unknown as { stack: Layer[] }).stack).map(pathTemplate));

  const { body } = await routes
    .find(({ route }) => route === '/openapi.json')!
    .handler({ path: {}, query: '' } as never);
  const { paths } = (body as { json: { paths: Record<string, Record<string, unknown>> } }).json;
  expect([...served].toSorted()).toEqual(Object.keys(paths).toSorted());
  const methods = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${path}`),
  );
  for (const { method, route } of routes) expect(methods).toContain(`${method} ${pathTemplate(route)}`);
});
