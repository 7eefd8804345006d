import { createHash, createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Sha256 } from './sha256.ts';

const hex = async (hash: Sha256) => Buffer.from(await hash.digest()).toString('hex');

test('hashes, and signs with keys of any kind, old and new in any order', async () => {
  // More keys than are kept, and each as text and as bytes.
  const secrets = Array.from({ length: 40 }, (_, index) => `secret ${index.toString()} ä`);
  const keys = [...secrets, ...secrets.map((secret) => Buffer.from(secret))];
  const wanted = fc.option(fc.constantFrom(...keys), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(wanted, fc.string(), fc.uint8Array())), async (all) => {
      for (const [secret, text, bytes] of all) {
        const mine = new Sha256(secret);
        const its = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
        mine.update(text);
        mine.update(bytes);
        expect(await hex(mine)).toBe(its.update(text).update(bytes).digest('hex'));
      }
    }),
  );
});

test('begins anew', async () => {
  for (const secret of [undefined, 'secret', new Uint8Array([1, 2]).buffer]) {
    const hash = new Sha256(secret);
    const begun = await hex(new Sha256(secret));
    hash.update('something');
    hash.reset();
    expect(await hex(hash)).toBe(begun);
  }
});
