import { expect, test } from '@jest/globals';
import { CATALOGUE, JOB_NAMES, QUEUE_NAMES, parsePayload, podJobId } from './catalogue.ts';
import { PayloadError } from './errors.ts';

test('every queue has a job, and ids are of the form that podJobId builds', () => {
  expect(new Set(JOB_NAMES.map((name) => CATALOGUE[name].queue))).toEqual(new Set(QUEUE_NAMES));
  for (const pod of ['job-5a1f', 'a.b-c', '123', 'Ünïcode']) {
    for (const name of ['compact', 'clean'] as const) {
      expect(CATALOGUE[name].id?.(parsePayload(name, { pod }))).toBe(podJobId(name, pod));
      // What BullMQ refuses.
      expect(podJobId(name, pod)).toMatch(/^(?!\d+$)[^:]+$/);
    }
  }
});

test.each([
  undefined,
  null,
  'pod',
  {},
  { pod: 1 },
  { pod: '' },
  { pod: 'a:b' },
  { pod: 'a/b' },
  { pod: 'a_b' },
  { pod: 'a b' },
])('not a payload of a pod: %j', (data) => {
  expect(() => parsePayload('compact', data)).toThrow(PayloadError);
  expect(() => parsePayload('clean', data)).toThrow(PayloadError);
});
