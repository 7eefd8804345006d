import { describe, expect, test } from '@jest/globals';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { StatusError } from './status.ts';

describe('label selectors', () => {
  const labels = { app: 'train', 'example.test/tier': 'gpu', count: '7', empty: '' };

  test.each([
    ['', true],
    ['app=train', true],
    ['app==train', true],
    ['app=other', false],
    ['app!=train', false],
    ['app!=other', true],
    ['none!=other', true],
    ['app', true],
    ['!app', false],
    ['!none', true],
    ['none', false],
    ['example.test/tier=gpu,app=train', true],
    ['example.test/tier=gpu,app=other', false],
    ['app in (a, train)', true],
    ['app in (a,b),count', false],
    ['app notin (a,b)', true],
    ['none notin (a)', true],
    ['none in (a)', false],
    ['app notin (train)', false],
    ['count>6', true],
    ['count<7', false],
    ['app>6', false],
    ['empty=', true],
    [' app = train , count ', true],
    ['toString', false],
  ])('%j: %j', (selector, expected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(expected);
  });

  test.each(['=', 'app=,=', 'app in (a', 'app in a', '-app', 'app=a b', 'app=train,', 'a(b)', 'app in ((a))'])(
    '%j is none',
    (selector) => {
      expect(() => parseLabelSelector(selector)).toThrow(StatusError);
    },
  );
});

describe('field selectors', () => {
  const fields = { 'metadata.name': 'a,b', 'metadata.namespace': 'jobs', 'status.phase': 'Unknown' };

  test.each([
    ['', true],
    [String.raw`metadata.name=a\,b`, true],
    ['metadata.name=a', false],
    ['metadata.name!=a', true],
    ['metadata.namespace==jobs,status.phase!=Running', true],
    ['metadata.namespace==jobs,status.phase!=Unknown', false],
    ['spec.nodeName=', true],
    ['spec.nodeName!=', false],
  ])('%j: %j', (selector, expected) => {
    expect(parseFieldSelector(selector).matches(fields)).toBe(expected);
  });

  test('the only name and namespace there can be', () => {
    expect(parseFieldSelector('metadata.name=a,metadata.namespace!=b')).toMatchObject({
      name: 'a',
      namespace: undefined,
    });
  });

  test.each(['metadata.name', 'spec.colour=red', '=a'])('%j is none', (selector) => {
    expect(() => parseFieldSelector(selector)).toThrow(StatusError);
  });
});
