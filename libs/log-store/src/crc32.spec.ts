import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crcOfJoined } from './crc32.ts';

test('is that of the joined text, whatever the lengths', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array({ size: 'large' }), (one, other) => {
      expect(crcOfJoined(crc32(one), crc32(other), other.length)).toBe(crc32(Buffer.concat([one, other])));
    }),
    { numRuns: 500 },
  );
});

test('of a text of more than 512 MiB, whose bits no 32-bit number counts', () => {
  const zeros = Buffer.alloc(16 * 1024 * 1024);
  const times = 36;
  let crc = 0;
  for (let i = 0; i < times; i++) crc = crc32(zeros, crc);
  const one = Buffer.from('one');
  let joined = crc32(one);
  for (let i = 0; i < times; i++) joined = crc32(zeros, joined);
  expect(crcOfJoined(crc32(one), crc, times * zeros.length)).toBe(joined);
});
