import { expect, test } from '@jest/globals';
import { comparer, credentialsOf } from './basic.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');

test('credentials of a header', () => {
  expect(credentialsOf(`Basic ${encoded('me:pä:ss')}`)).toBe('me:pä:ss');
  expect(credentialsOf(`basic   ${encoded('me:p')}`)).toBe('me:p');
  for (const header of [undefined, '', 'Basic', 'Basic ', 'Bearer abc', 'Basic a b', 'Basic *']) {
    expect([header, credentialsOf(header)]).toEqual([header, undefined]);
  }
});

test('only the whole secret is right', () => {
  const isRight = comparer('operator:correct horse');
  expect(isRight('operator:correct horse')).toBe(true);
  for (const given of ['', 'operator', 'operator:correct hors', 'operator:correct horse ', 'Operator:correct horse']) {
    expect([given, isRight(given)]).toEqual([given, false]);
  }
});
