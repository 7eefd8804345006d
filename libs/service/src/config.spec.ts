import { describe, expect, test } from '@jest/globals';
import {
  boolean,
  byteSize,
  cleanupRules,
  compactionVariables,
  ConfigError,
  defineConfig,
  describeConfig,
  duration,
  loadConfig,
  maskPassword,
  mergeRules,
  port,
  positiveInteger,
  processVariables,
  queueVariables,
  retentionByNamespace,
  retentionVariables,
  serverVariables,
  storageVariables,
  urlPath,
  variable,
  type Environment,
} from './index.ts';
import type { z } from 'zod';

const all = defineConfig(
  { ...processVariables, ...serverVariables, ...storageVariables, ...queueVariables, ...compactionVariables },
  [...cleanupRules, ...mergeRules],
);

function problemsOf(schema: z.ZodObject, env: Environment): ConfigError {
  try {
    loadConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

test('an empty environment gives the defaults of DESIGN section 4', () => {
  const { CONCURRENCY, REDIS_URL, ...config } = loadConfig(all, {});
  expect(config).toEqual({
    METRICS_PORT: 9090,
    LOG_LEVEL: 'info',
    SHUTDOWN_TIMEOUT: 25_000,
    PORT: 8080,
    TRUST_PROXY: 0,
    LOGS_BUCKET: 'logs',
    BUCKET_PREFIX: '',
    S3_FORCE_PATH_STYLE: false,
    QUEUE_PREFIX: '{cordwood}',
    SCAN_INTERVAL: 60_000,
    COMPACTION_INTERVAL: 3_600_000,
    CLEANUP_DELAY: 900_000,
    ORPHAN_AGE: 21_600_000,
    REORDER_WINDOW: 10_000,
    MERGED_FILE_SIZE: 10 * 1024 ** 2,
    MAX_MESSAGE: 1024 ** 2,
    MAX_RECORD: 16 * 1024 ** 2,
  });
  expect(CONCURRENCY).toBeGreaterThan(0);
  expect(REDIS_URL).toEqual({ kind: 'single', hosts: [{ host: '127.0.0.1', port: 6379 }], tls: false, db: 0 });
});

test('empty counts as not set, and unknown variables are nobody’s business', () => {
  expect(loadConfig(all, { PORT: '', BUCKET_PREFIX: '', LEGACY_NAMESPACE: '', HOME: '/root' }).PORT).toBe(8080);
});

test('values are read', () => {
  const config = loadConfig(all, {
    BUCKET_PREFIX: 'clusters/a',
    LEGACY_NAMESPACE: 'platform-jobs',
    S3_FORCE_PATH_STYLE: 'True',
    CLEANUP_DELAY: '1.5s',
    MERGED_FILE_SIZE: '1GiB',
    CONCURRENCY: '3',
    METRICS_PORT: '0',
  });
  expect(config).toMatchObject({
    BUCKET_PREFIX: 'clusters/a/',
    LEGACY_NAMESPACE: 'platform-jobs',
    S3_FORCE_PATH_STYLE: true,
    CLEANUP_DELAY: 1_500,
    MERGED_FILE_SIZE: 1024 ** 3,
    CONCURRENCY: 3,
    METRICS_PORT: 0,
  });
});

test('one message names every bad variable, what it holds and what is allowed', () => {
  const error = problemsOf(all, {
    SCAN_INTERVAL: 'soon',
    PORT: '70000',
    CLEANUP_DELAY: '500ms',
    BUCKET_PREFIX: '/x',
    QUEUE_PREFIX: 'cordwood',
  });
  expect(error.message).toBe(
    [
      '5 variables are wrong in the environment:',
      '  PORT holds "70000": a port from 0 to 65535 (0: any free one) is allowed',
      '  BUCKET_PREFIX holds "/x": a key prefix without a leading slash and without empty parts, such as "cluster-a/" is allowed',
      '  QUEUE_PREFIX holds "cordwood": a word in braces such as {cordwood} (a Redis hash tag), without ":" and spaces is allowed',
      '  SCAN_INTERVAL holds "soon": a duration such as 500ms, 90s, 15m, 1h or 7d, at least 1s is allowed',
      '  CLEANUP_DELAY holds "500ms": a duration such as 500ms, 90s, 15m, 1h or 7d, at least 1s is allowed',
    ].join('\n'),
  );
  expect(error.variables).toEqual(['PORT', 'BUCKET_PREFIX', 'QUEUE_PREFIX', 'SCAN_INTERVAL', 'CLEANUP_DELAY']);
});

test('rules between variables', () => {
  expect(problemsOf(all, { ORPHAN_AGE: '15m' }).message).toBe(
    'One variable is wrong in the environment:\n  ORPHAN_AGE holds "15m": more than CLEANUP_DELAY is allowed',
  );
  // The bad one may be the one that is not set.
  expect(problemsOf(all, { MAX_MESSAGE: '20MiB' }).message).toContain(
    'MAX_RECORD is not set (default 16MiB): MAX_MESSAGE or more is allowed',
  );
});

describe('retention', () => {
  const schema = defineConfig(retentionVariables);

  test('is off unless asked for', () => {
    expect(loadConfig(schema, {})).toEqual({
      RETENTION: { keepMs: undefined },
      TOMBSTONE_AGE: 7 * 86_400_000,
      SWEEP_INTERVAL: 86_400_000,
    });
  });

  test('for all, and by namespace in the order given', () => {
    expect(loadConfig(schema, { RETENTION: '30d', RETENTION_BY_NAMESPACE: 'dev-*=7d, prod=off' })).toMatchObject({
      RETENTION: { keepMs: 30 * 86_400_000 },
      RETENTION_BY_NAMESPACE: [
        { pattern: 'dev-*', keepMs: 7 * 86_400_000 },
        { pattern: 'prod', keepMs: undefined },
      ],
    });
  });

  test.each([
    [{ RETENTION: '30' }, 'RETENTION holds "30": off, or a duration such as 12h or 30d, at least 1s, is allowed'],
    [{ RETENTION: '10ms' }, 'RETENTION holds "10ms": off, or a duration such as 12h or 30d, at least 1s, is allowed'],
    [
      { RETENTION_BY_NAMESPACE: 'a=1d,dev-?=7d' },
      '"dev-?=7d" is no rule: namespace=duration or namespace=off, several separated by commas',
    ],
    [{ RETENTION_BY_NAMESPACE: 'a=1d,dev=7' }, '"7" for dev is no time to keep logs: off, or a duration such as'],
    [{ RETENTION_BY_NAMESPACE: 'a=1d,b=1d,a=2d' }, 'a stands there twice'],
    [{ SWEEP_INTERVAL: '1ms', TOMBSTONE_AGE: '0s' }, '2 variables are wrong'],
  ])('%j is refused, and it is said what is wrong', (env, message) => {
    expect(problemsOf(schema, env).message).toContain(message);
  });
});

test('secrets are not shown', () => {
  const message = problemsOf(all, { REDIS_URL: 'redis://user:pa:ss@word@host:x' }).message;
  expect(message).toContain('holds "redis://user:***@host:x"');
  const schema = defineConfig({ TOKEN: variable(positiveInteger(), { description: 't', secret: 'all' }) });
  expect(problemsOf(schema, { TOKEN: 'hunter2' }).message).toContain('TOKEN holds a secret that is not shown');
  expect(maskPassword('redis://host:1/2')).toBe('redis://host:1/2');
  expect(maskPassword('redis+sentinel://:pw@h:1/m?sentinelPassword=hunter2')).toBe('redis+sentinel://:***@h:1/m?***');
  for (const url of ['redis+sentinel://h:1/m?sentinelPassword=hun:t@er2', 'redis://:hun?ter@h:1', 'redis://hun?t:er@h'])
    expect(maskPassword(url)).not.toMatch(/hun|er/);
});

test('a variable without default must be set', () => {
  const schema = defineConfig({ SIZE: variable(byteSize(), { description: 's' }) });
  expect(problemsOf(schema, {}).message).toContain('SIZE is not set: a size such as');
});

test.each([
  [
    duration(),
    ['0ms', '500ms', '90s', '15m', '1h', '7d', '0.5h'],
    ['', '5', '1w', '-1s', 'ms', '1 h', '1e3s', '99999999999999999d'],
  ],
  [
    byteSize(),
    ['0', '512KiB', '10MiB', '1GiB', '1.5MiB', '1000'],
    ['', '10MB', '10 MiB', '-1', '0.3', '1TiB', '99999999999GiB'],
  ],
  [boolean(), ['true', 'FALSE', '1', '0', 'yes', 'off'], ['', '2', 'y', 'toString']],
  [
    retentionByNamespace(),
    ['a=1d', 'dev-*=7d,prod=off', ' * = 30d , x=1s'],
    ['', 'a', 'a=', '=1d', 'a=1d,', 'A=1d', 'a=1d,a=off'],
  ],
  [port(), ['0', '65535'], ['', '65536', '-1', '80a', '1.5']],
  [positiveInteger(), ['1', '64'], ['0', '-1', '1.5', '', '1e3']],
  [
    urlPath(),
    ['/', '/queues', '/queues/', '/a/b-c_d.e~f'],
    ['', 'queues', '//', '//host', '/a//b', '/../a', '/a/..', '/a b', '/a?b', '/<'],
  ],
])('block %#', (schema, good, bad) => {
  for (const text of good) expect([text, schema.safeParse(text).success]).toEqual([text, true]);
  for (const text of bad) expect([text, schema.safeParse(text).success]).toEqual([text, false]);
});

test('every variable is described, for the documentation', () => {
  const described = describeConfig(all);
  expect(described.filter(({ description }) => description === '')).toEqual([]);
  expect(described.find(({ name }) => name === 'SCAN_INTERVAL')).toEqual({
    name: 'SCAN_INTERVAL',
    description: 'How often the bucket is searched for pods with new raw files.',
    default: '1m',
    allowed: 'a duration such as 500ms, 90s, 15m, 1h or 7d, at least 1s',
  });
  expect(described.filter(({ allowed }) => allowed === '')).toEqual([]);
});
