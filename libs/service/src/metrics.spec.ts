import { expect, test } from '@jest/globals';
import { createMetrics } from './metrics.ts';

test('metrics of one process', async () => {
  const metrics = createMetrics({ app: 'test', version: '1.2.3' });
  metrics.counter({ name: 'things_total', help: 'Things.', labels: ['kind'] }).inc({ kind: 'a' }, 2);
  metrics.histogram({ name: 'thing_seconds', help: 'Time.', buckets: [1, 2] }).observe(1.5);
  metrics.gauge({ name: 'now', help: 'Now.', collect: (gauge) => gauge.set(7) });
  const { contentType, body } = await metrics.text();
  expect(contentType).toContain('text/plain');
  expect(body).toContain('things_total{kind="a",app="test"} 2');
  expect(body).toContain('thing_seconds_bucket{le="2",app="test"} 1');
  expect(body).toContain('now{app="test"} 7');
  expect(body).toContain('cordwood_build_info{version="1.2.3",app="test"} 1');
  expect(body).toContain('nodejs_eventloop_lag_p99_seconds');
});

test('each has its own registry, and a name declared twice is one metric', async () => {
  const one = createMetrics({ app: 'one', version: '1', defaults: false });
  const two = createMetrics({ app: 'two', version: '1', defaults: false });
  const options = { name: 'things_total', help: 'Things.' };
  expect(one.counter(options)).toBe(one.counter(options));
  one.counter(options).inc();
  expect((await two.text()).body).not.toContain('things_total');
});
