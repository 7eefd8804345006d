import { describe, expect, test } from '@jest/globals';
import {
  AccessDeniedError,
  NoSuchBucketError,
  NotFoundError,
  PreconditionFailedError,
  QuotaExceededError,
  StoreError,
  StoreUnavailableError,
} from './errors.ts';
import { toStoreError } from './s3-errors.ts';

const operation = { operation: 'GetObject', bucket: 'logs', key: 'a/b' };
const answered = (status: number, name: string, message = 'UnknownError') =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
const unanswered = (name: string, code?: string) => Object.assign(new Error('no answer'), { name, code });

describe('answers of the store', () => {
  test.each([
    [404, 'NoSuchKey', NotFoundError],
    [404, 'NotFound', NotFoundError],
    [404, 'NoSuchBucket', NoSuchBucketError],
    [412, 'PreconditionFailed', PreconditionFailedError],
    [401, 'Unauthorized', AccessDeniedError],
    [403, 'SignatureDoesNotMatch', AccessDeniedError],
    [403, 'QuotaExceeded', QuotaExceededError],
    [507, 'InsufficientStorage', QuotaExceededError],
    [400, 'RequestTimeout', StoreUnavailableError],
    [429, 'TooManyRequests', StoreUnavailableError],
    [500, 'InternalError', StoreUnavailableError],
    [502, 'Unknown', StoreUnavailableError],
    [503, 'SlowDown', StoreUnavailableError],
    [501, 'NotImplemented', StoreError],
    [409, 'OperationAborted', StoreError],
    [400, 'InvalidArgument', StoreError],
    [416, 'InvalidRange', StoreError],
  ])('%d %s', (status, name, expected) => {
    const error = toStoreError(answered(status, name), operation);
    expect(error.constructor).toBe(expected);
    expect(error).toMatchObject({ ...operation, status, code: name, name: expected.name });
  });
});

describe('answers to a conditional write', () => {
  test.each([
    [404, 'NoSuchKey', PreconditionFailedError],
    [409, 'ConditionalRequestConflict', PreconditionFailedError],
    [412, 'PreconditionFailed', PreconditionFailedError],
    [500, 'InternalError', PreconditionFailedError],
    [404, 'NoSuchBucket', NoSuchBucketError],
    [403, 'AccessDenied', AccessDeniedError],
    [503, 'SlowDown', StoreUnavailableError],
  ])('%d %s', (status, name, expected) => {
    const error = toStoreError(answered(status, name), { ...operation, conditionalWrite: true });
    expect(error.constructor).toBe(expected);
  });
});

describe('no answer', () => {
  test.each([
    ['Error', 'ECONNRESET', StoreUnavailableError],
    ['TimeoutError', undefined, StoreUnavailableError],
    ['Error', undefined, StoreUnavailableError],
    ['CredentialsProviderError', undefined, AccessDeniedError],
    ['TypeError', undefined, StoreError],
  ])('%s %s', (name, code, expected) => {
    const error = toStoreError(unanswered(name, code), operation);
    expect(error.constructor).toBe(expected);
    expect(error).toMatchObject({ status: undefined, code });
  });
});

test('a region that nobody configured will not come by waiting', () => {
  expect(toStoreError(new Error('Region is missing'), operation).constructor).toBe(StoreError);
});

test('the message says what failed on what, and the cause is kept', () => {
  const cause = answered(403, 'AccessDenied', 'not yours');
  const error = toStoreError(cause, operation);
  expect(error.message).toBe('GetObject logs/a/b: 403 AccessDenied: not yours');
  expect(error.cause).toBe(cause);
});

test('an error that is ours already stays the same', () => {
  const error = new NotFoundError('gone', operation);
  expect(toStoreError(error, { operation: 'other', bucket: 'b' })).toBe(error);
});
