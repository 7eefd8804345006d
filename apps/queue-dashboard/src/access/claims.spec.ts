import { expect, test } from '@jest/globals';
import { groupsOf, nameOf, pathWithin } from './claims.ts';

test.each([
  ['/', '/queue/a?status=failed', '/queue/a?status=failed'],
  ['/', '/', '/'],
  ['/queues', '/queues/queue/a', '/queues/queue/a'],
  ['/queues', '/queues', '/queues/'],
  ['/queues', '/queues-else/a', '/queues/'],
  ['/queues', '/queues/../admin', '/queues/'],
  ['/queues', '/queues/./a', '/queues/'],
  ['/', '//evil.example/', '/'],
  ['/', '/\\evil.example/', '/'],
  ['/', '/a\nb', '/'],
  ['/', 'https://evil.example/', '/'],
  ['/', `/${'a'.repeat(2_000)}`, '/'],
  ['/', undefined, '/'],
  ['/', ['/a'], '/'],
])('below %s, %j leads to %s', (base, wanted, expected) => {
  expect(pathWithin(base, wanted)).toBe(expected);
});

test('names and groups of claims', () => {
  expect(nameOf({ sub: '1', email: 'a@b.example', preferred_username: '' })).toBe('a@b.example');
  expect(nameOf({ sub: '1' })).toBe('1');
  expect(groupsOf({ groups: ['a', 7, 'b'] }, 'groups')).toEqual(['a', 'b']);
  expect(groupsOf({ roles: 'a, b c' }, 'roles')).toEqual(['a', 'b', 'c']);
  expect(groupsOf({}, 'groups')).toEqual([]);
});
