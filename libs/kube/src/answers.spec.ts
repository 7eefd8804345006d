import { describe, expect, test } from '@jest/globals';
import { errorOfAnswer } from './answers.ts';

const busy = (headers: Record<string, string>, body: object) =>
  errorOfAnswer('pod a/b', { status: 429, headers, body: Buffer.from(JSON.stringify(body)) }).retryAfter;

describe('errorOfAnswer', () => {
  test('takes when to come again from the header, else from the object', () => {
    const status = { kind: 'Status', details: { retryAfterSeconds: 3 } };
    expect(busy({ 'retry-after': '7' }, status)).toBe(7);
    expect(busy({}, status)).toBe(3);
    expect(busy({ 'retry-after': 'Sat, 21 Nov 2026 10:00:00 GMT' }, status)).toBe(3);
    expect(busy({}, { kind: 'Other', details: { retryAfterSeconds: 3 } })).toBeUndefined();
  });

  test('keeps the beginning of what is no Status as detail', () => {
    const body = Buffer.from('<html>'.repeat(1000));
    expect(errorOfAnswer('pod a/b', { status: 502, headers: {}, body })).toMatchObject({
      name: 'KubeUnavailableError',
      message: 'Kubernetes failed to give pod a/b (status 502)',
      detail: '<html>'.repeat(1000).slice(0, 1000),
    });
  });
});
