import { expect, test } from '@jest/globals';
import { hostsOf, isLocalHost, isLoopback } from './loopback.ts';

test('without a word on who may come in, only this machine is listened on', () => {
  expect(hostsOf({})).toEqual(['127.0.0.1', '::1']);
  expect(hostsOf({ HOST: '127.0.0.1' })).toEqual(['127.0.0.1']);
  expect(hostsOf({ AUTH_MODE: 'none' })).toBeUndefined();
  expect(hostsOf({ AUTH_MODE: 'none', HOST: '0.0.0.0' })).toEqual(['0.0.0.0']);
  expect(hostsOf({ AUTH_MODE: 'none', HOST: 'localhost' })).toEqual(['127.0.0.1', '::1']);
  expect(['127.0.0.1', '::1', 'localhost', '0.0.0.0', '::'].filter(isLoopback)).toHaveLength(3);
});

test.each([
  [undefined, true],
  ['localhost', true],
  ['LOCALHOST:8080', true],
  ['127.0.0.1:1', true],
  ['[::1]:8080', true],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example:8080', false],
  ['evil.example', false],
  ['10.0.0.1', false],
])('Host %s is this machine: %s', (host, expected) => {
  expect(isLocalHost(host)).toBe(expected);
});
