import {
  AccessDeniedError,
  DamagedLogError,
  NoSuchBucketError,
  NotFoundError,
  PositionLostError,
  PreconditionFailedError,
  QuotaExceededError,
  StoreError,
  StoreUnavailableError,
} from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';
import { expect, test } from '@jest/globals';
import { ApiError, type ErrorCode, ERRORS } from './catalogue.ts';
import { toApiError } from './to-api-error.ts';

const place = { operation: 'GetObject', bucket: 'logs', key: 'data/x' };

test.each<[Error, ErrorCode]>([
  [new AccessDeniedError('no', place), 'storage_access_denied'],
  [new NoSuchBucketError('no', place), 'storage_bucket_missing'],
  [new NotFoundError('no', place), 'log_file_missing'],
  [new PreconditionFailedError('no', place), 'log_file_missing'],
  [new StoreUnavailableError('no', place), 'storage_unavailable'],
  [new QuotaExceededError('no', place), 'storage_error'],
  [new StoreError('no', place), 'storage_error'],
])('%p names operation, bucket and key', (error, code) => {
  const answer = toApiError(error);
  expect(answer.body).toEqual({ error: { code, message: 'GetObject logs/data/x: no' } });
  expect('Retry-After' in answer.headers).toBe(answer.status === 503);
});

test('metadata: with the reason', () => {
  expect(toApiError(new MetadataError('newer version', '3')).body).toEqual({
    error: { code: 'metadata_unreadable', message: 'pod metadata is of a newer version: 3' },
  });
});

test('a log that is not whole', () => {
  const error = toApiError(new DamagedLogError({ key: 'data/x', reason: 'gzip' }));
  expect(error.code).toBe('log_damaged');
  expect(error.message).toContain('data/x');
});

test('another log in the place of the one that is read', () => {
  expect(toApiError(new PositionLostError('abc')).code).toBe('log_replaced');
});

test('what is ours stays, what is unknown is not told', () => {
  const own = new ApiError('job_not_found', 'none');
  expect(toApiError(own)).toBe(own);
  const other = toApiError(new Error('secret'));
  expect([other.status, other.code, other.cause]).toEqual([500, 'internal_error', new Error('secret')]);
  expect(JSON.stringify(other.body)).not.toContain('secret');
});

test('statuses are those of errors', () => {
  for (const { status } of Object.values(ERRORS)) expect(status >= 400 && status < 600).toBe(true);
});
