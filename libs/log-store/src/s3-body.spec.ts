import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { PreconditionFailedError, StoreError, StoreUnavailableError } from './errors.ts';
import { type BodySource, bodyChunks, collect } from './s3-body.ts';

const details = { operation: 'GetObject', bucket: 'logs', key: 'k' };
const MIB = 1024 * 1024;

/** A connection that delivers bytes from a position on and then breaks, or, with `orderly`, ends without an error. */
function connection(content: Buffer, from: number, bytes: number, orderly = false): Readable {
  return Readable.from(
    (function* () {
      for (let at = from; at < from + bytes; at += 64_000)
        yield content.subarray(at, Math.min(at + 64_000, from + bytes));
      if (from + bytes < content.length && !orderly) throw new Error('connection reset');
    })(),
  );
}

/** A body whose every connection delivers `perConnection` bytes at most. */
function breakingBody(content: Buffer, perConnection: number, more: Partial<BodySource> = {}) {
  const positions: number[] = [];
  const open = (at: number) => connection(content, at, Math.min(perConnection, content.length - at));
  const source: BodySource = {
    first: open(0),
    size: content.length,
    details,
    retryDelay: 0,
    reopen: async (position) => {
      positions.push(position);
      return open(position);
    },
    ...more,
  };
  return { source, positions };
}

test('goes on where it broke off', async () => {
  const content = Buffer.alloc(1000, 'abcdefg');
  const { source, positions } = breakingBody(content, 300);
  expect(Buffer.from(await collect(bodyChunks(source), 1000)).equals(content)).toBe(true);
  expect(positions).toEqual([300, 600, 900]);
});

test('an end without an error is no end before all has come', async () => {
  const content = Buffer.from('0123456789');
  const { source } = breakingBody(content, 100, { first: connection(content, 0, 4, true) });
  expect(Buffer.from(await collect(bodyChunks(source), 10)).toString()).toBe('0123456789');
});

test('gives up after a few breaks in a row, and says how far it came', async () => {
  const { source, positions } = breakingBody(Buffer.alloc(1000), 100);
  await expect(collect(bodyChunks(source), 1000)).rejects.toThrow(StoreUnavailableError);
  expect(positions).toEqual([100, 200, 300, 400]);
  const again = breakingBody(Buffer.alloc(1000), 100).source;
  await expect(collect(bodyChunks(again), 1000)).rejects.toThrow(/after 500 of 1000 bytes/);
});

test('breaks are forgiven once much has come in between', async () => {
  const content = Buffer.alloc(10 * MIB, 'log');
  const { source, positions } = breakingBody(content, MIB + 1);
  expect(Buffer.from(await collect(bodyChunks(source), content.length)).equals(content)).toBe(true);
  expect(positions).toHaveLength(9);
});

test('an unavailable store is asked again, and counts', async () => {
  let asked = 0;
  const { source } = breakingBody(Buffer.alloc(1000), 300, {
    reopen: async () => {
      asked++;
      throw new StoreUnavailableError('down', details);
    },
  });
  await expect(collect(bodyChunks(source), 1000)).rejects.toThrow(StoreUnavailableError);
  expect(asked).toBe(4);
});

test('an object that was replaced is not asked for again', async () => {
  let asked = 0;
  const { source } = breakingBody(Buffer.alloc(1000), 300, {
    reopen: async () => {
      asked++;
      throw new PreconditionFailedError('replaced', details);
    },
  });
  await expect(collect(bodyChunks(source), 1000)).rejects.toThrow(PreconditionFailedError);
  expect(asked).toBe(1);
});

test('more than was announced is an error', async () => {
  const { source } = breakingBody(Buffer.alloc(1000), 1000, { size: 999 });
  await expect(collect(bodyChunks(source), 1000)).rejects.toThrow(StoreError);
});

test.each(['before the first chunk', 'after it'])('closes the connection when abandoned %s', async (when) => {
  const { source } = breakingBody(Buffer.alloc(MIB), MIB);
  const iterator = bodyChunks(source)[Symbol.asyncIterator]();
  if (when === 'after it') await iterator.next();
  await iterator.return?.();
  expect(source.first.destroyed).toBe(true);
});

test('an error of the reader closes the connection and is not taken for a break', async () => {
  const { source, positions } = breakingBody(Buffer.alloc(MIB), MIB);
  const read = async () => {
    for await (const chunk of bodyChunks(source)) throw new Error(`reader failed on ${chunk.length}`);
  };
  await expect(read()).rejects.toThrow(/reader failed/);
  expect([source.first.destroyed, positions]).toEqual([true, []]);
});

test('an abort ends the pause before the next try', async () => {
  const abort = new AbortController();
  const { source } = breakingBody(Buffer.alloc(1000), 300, { retryDelay: 60_000, signal: abort.signal });
  const read = collect(bodyChunks(source), 1000);
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await expect(read).rejects.toThrow('enough');
});
