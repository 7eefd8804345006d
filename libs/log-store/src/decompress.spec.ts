import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DamagedGzipError, decompressed, decompressedHead, type DecompressOptions } from './decompress.ts';
import { cut, from } from './spec-support.ts';

const MiB = 1024 * 1024;

/** What was delivered, and whether damage was reported after it. Chunks differ each time the object is read. */
const run = async (bytes: Uint8Array, ...cuts: (readonly number[])[]): Promise<{ text: Buffer; damaged: boolean }> =>
  runWith({}, bytes, ...cuts);

async function runWith(
  options: DecompressOptions,
  bytes: Uint8Array,
  ...cuts: (readonly number[])[]
): Promise<{ text: Buffer; damaged: boolean }> {
  let reads = 0;
  const chunks: Uint8Array[] = [];
  try {
    const open = () => from(cut(bytes, cuts[reads++ % cuts.length] ?? []));
    for await (const chunk of decompressed(open, options)) chunks.push(Uint8Array.from(chunk));
    return { text: Buffer.concat(chunks), damaged: false };
  } catch (error) {
    if (!(error instanceof DamagedGzipError)) throw error;
    return { text: Buffer.concat(chunks), damaged: true };
  }
}

const line = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '0', '1', 'é'), minLength: 1, maxLength: 200 });
const text = fc.array(line, { maxLength: 60 }).map((lines) => Buffer.from(lines.map((one) => `${one}\n`).join('')));
const cuts = fc.array(fc.nat(), { maxLength: 6 });
const level = fc.constantFrom(0, 1, 6);

describe('whole objects', () => {
  test('plain text passes through, gzip of any number of members is decompressed, in any chunks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, level), { maxLength: 4 }), cuts, async (members, at) => {
        const all = Buffer.concat(members.map(([member]) => member));
        expect(await run(all, at)).toEqual({ text: all, damaged: false });
        const zipped = Buffer.concat(members.map(([member, l]) => gzipSync(member, { level: l })));
        expect(await run(zipped, at)).toEqual({ text: all, damaged: false });
        expect(await run(zipped, [1, 1, 2, 3])).toEqual({ text: all, damaged: false });
      }),
    );
  });

  test('text larger than every buffer on the way', async () => {
    const large = Buffer.from('abcdefghijklmnopqrstuvwxyz'.repeat(200_000));
    const zipped = Buffer.concat([gzipSync(large), gzipSync(large, { level: 0 })]);
    const result = await run(zipped, [1000, 70_000, 1_000_000, 3_000_000]);
    expect(result.damaged).toBe(false);
    expect(result.text.equals(Buffer.concat([large, large]))).toBe(true);
  });

  test('whatever size is guessed, and whether pieces are freed', async () => {
    const large = fc.integer({ min: 1, max: 3 }).map((times) => Buffer.from('abcdefghijklmnop'.repeat(times * 20_000)));
    const guess = fc.constantFrom(undefined, 0, 1, 300_000, 320_000, 640_000, 960_000, 2 ** 32 - 1);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(text, large), { maxLength: 3 }), guess, cuts, async (members, size, at) => {
        const all = Buffer.concat(members);
        const zipped = Buffer.concat(members.map((member) => gzipSync(member)));
        for (const isPassing of [false, true]) {
          const result = await runWith({ isPassing, size }, zipped, at);
          expect(result.damaged).toBe(false);
          // Element by element, Jest would take minutes.
          expect(result.text.equals(all)).toBe(true);
        }
      }),
    );
  });

  test('pieces that pass by are freed when the next one is asked for, and the last one at the end; others stay', async () => {
    const large = Buffer.from('abcdefghijklmnopqrstuvwxyz'.repeat(50_000));
    const lengths = async (options: DecompressOptions): Promise<number[]> => {
      const pieces: Uint8Array[] = [];
      for await (const piece of decompressed(() => from([gzipSync(large)]), options)) pieces.push(piece);
      return pieces.map(({ length }) => length);
    };
    expect((await lengths({})).reduce((sum, length) => sum + length)).toBe(large.length);
    const freed = await lengths({ isPassing: true });
    expect(freed.length).toBeGreaterThan(2);
    expect(new Set(freed)).toEqual(new Set([0]));
    expect(await lengths({ isPassing: true, size: large.length })).toEqual([0]);
  });

  test('no buffer is freed to which zlib still writes, also where pieces wait and come as one', async () => {
    const text = randomBytes(MiB);
    const zipped = gzipSync(text.toString('base64'));
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < zipped.length; at += 4000) yield zipped.subarray(at, at + 4000);
    }
    const pieces: Buffer[] = [];
    for await (const piece of decompressed(chunks, { isPassing: true })) {
      pieces.push(Buffer.from(piece));
      // Meanwhile more is inflated.
      for (let turn = 0; turn < 200; turn++) await setImmediate();
    }
    expect(Buffer.from(Buffer.concat(pieces).toString(), 'base64').equals(text)).toBe(true);
  });

  test.each([[''], ['\x1f'], ['\x1f\x8c text'], ['{']])('%j is text', async (content) => {
    expect(await run(Buffer.from(content, 'latin1'), [1])).toEqual({
      text: Buffer.from(content, 'latin1'),
      damaged: false,
    });
  });
});

describe('damaged objects', () => {
  /** Random, so that hardly any byte can be changed without notice. */
  const noise = fc.uint8Array({ minLength: 1, maxLength: 20_000 }).map((bytes) => Buffer.from(bytes));

  test('cut anywhere: what was compressed before is delivered, and the damage is reported', async () => {
    await fc.assert(
      fc.asyncProperty(noise, fc.nat(), cuts, async (content, place, at) => {
        const zipped = gzipSync(content, { level: 0 });
        const length = 2 + (place % (zipped.length - 2));
        const result = await run(zipped.subarray(0, length), at, []);
        expect(result.damaged).toBe(true);
        // Stored as it is, after a header of 10 bytes and one of 5.
        expect(result.text).toEqual(content.subarray(0, Math.max(0, length - 15)));
      }),
    );
  });

  test('a member with a wrong byte: all members before it, and what its own beginning gives, in any chunks', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, fc.nat(), cuts, cuts, cuts, async (before, broken, place, ...at) => {
        const first = gzipSync(before);
        const second = gzipSync(broken);
        // Of the checksum, so that all of the text comes before the damage.
        second[second.length - 8 + (place % 4)]! ^= 0xff;
        const zipped = Buffer.concat([first, second, gzipSync('never reached')]);
        expect(await run(zipped, ...at)).toEqual({ text: Buffer.concat([before, broken]), damaged: true });
      }),
    );
  });

  test('in the middle of a large object, however its chunks change from one read to the next', async () => {
    const content = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line ${i}\n`).join(''));
    const zipped = gzipSync(content, { level: 0 });
    // Stored blocks: a byte, the length and its complement, the bytes. The complement of the fourth is broken.
    let at = 10;
    let before = 0;
    for (let block = 0; block < 3; block++) {
      const length = zipped.readUInt16LE(at + 1);
      at += 5 + length;
      before += length;
    }
    zipped[at + 3]! ^= 0xff;
    const lengths = async (...cuts: (readonly number[])[]) => {
      const { text: delivered, damaged } = await run(zipped, ...cuts);
      return { damaged, length: delivered.length, same: content.subarray(0, before).equals(delivered) };
    };
    const damaged = { damaged: true, length: before, same: true };
    expect(before).toBeGreaterThan(20_000);
    expect(await lengths([])).toEqual(damaged);
    for (const step of [1000, 4096, 4099]) {
      const places = (offset: number) => Array.from({ length: 60 }, (_, i) => i * step + offset);
      expect(await lengths(places(0), places(Math.floor(step / 3)), places(Math.floor(step / 2)))).toEqual(damaged);
      expect(await lengths(places(0), places(0), [])).toEqual(damaged);
    }
    // Just around the damage, too.
    expect(await lengths([], [at - 100], [at - 4000, at + 50])).toEqual(damaged);
  });

  test('rubbish after a member is damage; zeros, which tar and the like append, are not', async () => {
    const zipped = gzipSync('all of it\n');
    const whole = Buffer.from('all of it\n');
    expect(await run(Buffer.concat([zipped, Buffer.from('rubbish')]), [])).toEqual({ text: whole, damaged: true });
    expect(await run(Buffer.concat([zipped, Buffer.alloc(100_000)]), [], [50])).toEqual({
      text: whole,
      damaged: false,
    });
  });
});

describe('reading', () => {
  test('an object that cannot be read is no damage, and a reader that leaves closes it', async () => {
    const zipped = gzipSync(Buffer.alloc(3_000_000, 'abc'), { level: 0 });
    let closed = 0;
    async function* failing(after: number): AsyncGenerator<Uint8Array> {
      try {
        yield await Promise.resolve(zipped.subarray(0, after));
        yield zipped.subarray(after, after * 2);
        throw new Error('connection reset');
      } finally {
        closed++;
      }
    }
    const readAll = async () => {
      for await (const chunk of decompressed(() => failing(1_000_000))) expect(chunk.length).toBeGreaterThan(0);
    };
    await expect(readAll()).rejects.toThrow('connection reset');
    expect(closed).toBe(1);
    for await (const chunk of decompressed(() => failing(1_000_000))) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(closed).toBe(2);
  });

  test('the head is the beginning of the text, as far as the bytes reach', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.nat(), async (content, place) => {
        const zipped = gzipSync(content, { level: 0 });
        const length = 2 + (place % (zipped.length - 1));
        const head = Buffer.from(await decompressedHead(zipped.subarray(0, length), Infinity));
        expect(content.subarray(0, head.length)).toEqual(head);
        expect(head.length).toBeGreaterThanOrEqual(Math.min(content.length, length - 15));
        expect(await decompressedHead(content, Infinity)).toEqual(content);
      }),
    );
    expect(await decompressedHead(Buffer.from('1f8bffff', 'hex'), 100)).toEqual(new Uint8Array());
  });

  test('the head of what would become very much is no longer than asked for, and the rest is not inflated', async () => {
    const zipped = gzipSync(Buffer.alloc(100 * MiB, 'x'));
    const before = process.memoryUsage().external;
    const head = await decompressedHead(zipped, 1_000);
    expect(Buffer.from(head).toString()).toBe('x'.repeat(1_000));
    expect(process.memoryUsage().external - before).toBeLessThan(50 * MiB);
  });
});
