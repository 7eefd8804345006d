import { ConfigError, loadConfig } from '@cordwood/service';
import { expect, test } from '@jest/globals';
import { configSchema } from './config.ts';

test('defaults', () => {
  expect(loadConfig(configSchema, {})).toMatchObject({
    LOGS_BUCKET: 'logs',
    PORT: 8080,
    METRICS_PORT: 9090,
    REORDER_WINDOW: 10_000,
    MAX_RECORD: 16 * 1024 ** 2,
  });
});

test('every bad variable is named', () => {
  const load = () => loadConfig(configSchema, { PORT: 'x', JOBS_NAMESPACE: 'A', REORDER_WINDOW: '10' });
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(/PORT[^]*REORDER_WINDOW[^]*JOBS_NAMESPACE/);
  expect(() => loadConfig(configSchema, { MAX_RECORD: '1KiB' })).toThrow('MAX_MESSAGE or more');
});
