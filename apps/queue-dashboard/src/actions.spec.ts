import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import { actionOf } from './actions.ts';

const { appRoutes } = createRequire(import.meta.url)('@bull-board/api/dist/routes') as {
  readonly appRoutes: { readonly api: readonly { readonly method: string; readonly route: string }[] };
};

test('every route of bull-board that changes something is known by what it does', () => {
  const changing = appRoutes.api.filter(({ method }) => method !== 'get').map(({ route }) => route);
  expect(changing.length).toBeGreaterThan(20);
  const paths = changing.map((route) => route.replace(':queueStatus', 'failed').replace(/:\w+/g, 'compact-a'));
  // What only changes a schedule has no verb of its own.
  expect(paths.filter((path) => actionOf(path) === 'other').map((path) => path.split('/').at(-2))).toEqual([
    'job-schedulers',
  ]);
});

test.each([
  ['/api/queues/compaction/compact-a/retry', 'retry'],
  ['/api/queues/compaction/retry/failed', 'retry'],
  ['/api/queues/pause', 'pause'],
  ['/api/queues/x/y', 'other'],
  ['/', 'other'],
])('%s: %s', (path, expected) => {
  expect(actionOf(path)).toBe(expected);
});
