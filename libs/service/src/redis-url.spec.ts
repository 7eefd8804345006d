import { expect, test } from '@jest/globals';
import { parseRedisUrl } from './redis-url.ts';

const host = (name: string, port: number) => ({ host: name, port });

test.each([
  ['redis://localhost', { kind: 'single', hosts: [host('localhost', 6379)], tls: false, db: 0 }],
  ['redis://localhost/', { kind: 'single', hosts: [host('localhost', 6379)], tls: false, db: 0 }],
  [
    'rediss://me:p%40ss@r.example.org:1234/3',
    { kind: 'single', hosts: [host('r.example.org', 1234)], tls: true, db: 3, username: 'me', password: 'p@ss' },
  ],
  ['redis://:secret@[::1]:7000', { kind: 'single', hosts: [host('::1', 7000)], tls: false, db: 0, password: 'secret' }],
  [
    'redis+sentinel://:pw@s1:1,s2/mymaster/5',
    {
      kind: 'sentinel',
      hosts: [host('s1', 1), host('s2', 26_379)],
      tls: false,
      db: 5,
      master: 'mymaster',
      password: 'pw',
    },
  ],
  [
    'redis+sentinel://me:pw@s1/mymaster?sentinelPassword=s%26%3D%40&sentinelUsername=watch',
    {
      kind: 'sentinel',
      hosts: [host('s1', 26_379)],
      tls: false,
      db: 0,
      master: 'mymaster',
      username: 'me',
      password: 'pw',
      sentinelUsername: 'watch',
      sentinelPassword: 's&=@',
    },
  ],
  [
    'rediss+cluster://n1:7000,n2:7001',
    { kind: 'cluster', hosts: [host('n1', 7000), host('n2', 7001)], tls: true, db: 0 },
  ],
])('%s', (url, target) => {
  expect(parseRedisUrl(url)).toEqual(target);
});

test.each([
  '',
  'localhost:6379',
  'http://localhost',
  'redis://',
  'redis://a,b',
  'redis://a:0',
  'redis://a:65536',
  'redis://a/b',
  'redis://a/1/2',
  'redis://a?db=1',
  'redis://%zz@a',
  'redis+sentinel://s1',
  'redis+sentinel://s1/',
  'redis+sentinel://s1/m/1/2',
  'redis+cluster://a/1',
  'redis://a?sentinelPassword=x',
  'redis+cluster://a?sentinelPassword=x',
  'redis+sentinel://a/m?',
  'redis+sentinel://a/m?sentinelPassword',
  'redis+sentinel://a/m?sentinelpassword=x',
  'redis+sentinel://a/m?sentinelPassword=x&sentinelPassword=y',
  'redis+sentinel://a/m?sentinelPassword=%zz',
])('refused: %s', (url) => {
  expect(parseRedisUrl(url)).toBeUndefined();
});
