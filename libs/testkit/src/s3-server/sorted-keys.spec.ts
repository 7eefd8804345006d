import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SortedKeys } from './sorted-keys.ts';

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
// Few characters, so that prefixes and delimiters meet often; some whose order in UTF-16 is another than in UTF-8.
const keys = fc.array(
  fc.string({ unit: fc.constantFrom('a', 'b', '_', '/', '\ufb00', '😀'), minLength: 1, maxLength: 5 }),
);

test('pages of any size hold all keys and prefixes once, in the order of their bytes', () => {
  fc.assert(
    fc.property(
      keys,
      fc.constantFrom('', 'a', 'a_', '/', '😀'),
      fc.constantFrom(undefined, '_', '/'),
      fc.integer({ min: 1, max: 4 }),
      (given, prefix, delimiter, limit) => {
        const sorted = new SortedKeys();
        for (const key of given) sorted.add(key);
        const found: string[] = [];
        let token: string | undefined;
        do {
          const page = sorted.page({ prefix, delimiter, limit, token });
          found.push(...[...page.keys, ...page.prefixes].sort(byBytes));
          token = page.next;
        } while (token !== undefined);

        const expected = new Set<string>();
        for (const key of given.filter((each) => each.startsWith(prefix)).sort(byBytes)) {
          const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
          expected.add(cut < 0 ? key : key.slice(0, cut + 1));
        }
        expect(found).toEqual([...expected]);
      },
    ),
  );
});

test('deleted keys are gone, others stay', () => {
  fc.assert(
    fc.property(keys, keys, (given, deleted) => {
      const sorted = new SortedKeys();
      for (const key of given) sorted.add(key);
      for (const key of deleted) sorted.delete(key);
      const left = [...new Set(given)].filter((key) => !deleted.includes(key)).sort(byBytes);
      expect(sorted.page({ prefix: '', limit: 1000 }).keys).toEqual(left);
    }),
  );
});
