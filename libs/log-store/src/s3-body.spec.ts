import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { PreconditionFailedError, StoreError, StoreUnavailableError } from './errors.ts';
import { streamedBody } from './body-connection.ts';
import { type BodySource, ResumedBody } from './s3-body.ts';
import { collect } from './spec-support.ts';

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

/** All of a body, in each of the ways in which it can be read. */
const WAYS: Record<string, (body: ResumedBody, size: number) => Promise<Uint8Array>> = {
  'chunk by chunk': async ({ chunks }) => Buffer.concat(await collect(chunks)),
  whole: async (body) => body.bytes(),
  'into a buffer': async (body, size) => body.bytes(Buffer.alloc(size + 10, '-')),
};

/** A body whose every connection delivers `perConnection` bytes at most. */
function breakingBody(content: Buffer, perConnection: number, more: Partial<BodySource> = {}) {
  const positions: number[] = [];
  const open = (at: number) => connection(content, at, Math.min(perConnection, content.length - at));
  const source: BodySource = {
    first: streamedBody(open(0)),
    size: content.length,
    details,
    retryDelay: 0,
    reopen: async (position) => {
      positions.push(position);
      return streamedBody(open(position));
    },
    ...more,
  };
  return { source, positions };
}

describe.each(Object.entries(WAYS))('%s', (_, readAll) => {
  const read = (source: BodySource) => readAll(new ResumedBody(source), source.size);

  test('goes on where it broke off', async () => {
    const content = Buffer.alloc(1000, 'abcdefg');
    const { source, positions } = breakingBody(content, 300);
    expect(Buffer.from(await read(source)).equals(content)).toBe(true);
    expect(positions).toEqual([300, 600, 900]);
  });

  test('an end without an error is no end before all has come', async () => {
    const content = Buffer.from('0123456789');
    const { source } = breakingBody(content, 100, { first: streamedBody(connection(content, 0, 4, true)) });
    expect(Buffer.from(await read(source)).toString()).toBe('0123456789');
  });

  test('gives up after a few breaks in a row, and says how far it came', async () => {
    const { source, positions } = breakingBody(Buffer.alloc(1000), 100);
    await expect(read(source)).rejects.toThrow(StoreUnavailableError);
    expect(positions).toEqual([100, 200, 300, 400]);
    const again = breakingBody(Buffer.alloc(1000), 100).source;
    await expect(read(again)).rejects.toThrow(/after 500 of 1000 bytes/);
  });

  test('breaks are forgiven once much has come in between', async () => {
    const content = Buffer.alloc(10 * MIB, 'log');
    const { source, positions } = breakingBody(content, MIB + 1);
    expect(Buffer.from(await read(source)).equals(content)).toBe(true);
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
    await expect(read(source)).rejects.toThrow(StoreUnavailableError);
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
    await expect(read(source)).rejects.toThrow(PreconditionFailedError);
    expect(asked).toBe(1);
  });

  test('more than was announced is an error', async () => {
    const { source } = breakingBody(Buffer.alloc(1000), 1000, { size: 999 });
    await expect(read(source)).rejects.toThrow(StoreError);
  });
});

test.each(['before the first chunk', 'after it'])('closes the connection when abandoned %s', async (when) => {
  const content = Buffer.alloc(MIB);
  const first = connection(content, 0, MIB);
  const { source } = breakingBody(content, MIB, { first: streamedBody(first) });
  const iterator = new ResumedBody(source).chunks[Symbol.asyncIterator]();
  if (when === 'after it') await iterator.next();
  await iterator.return?.();
  expect(first.destroyed).toBe(true);
});

test('an error of the reader closes the connection and is not taken for a break', async () => {
  const content = Buffer.alloc(MIB);
  const first = connection(content, 0, MIB);
  const { source, positions } = breakingBody(content, MIB, { first: streamedBody(first) });
  const read = async () => {
    for await (const chunk of new ResumedBody(source).chunks) throw new Error(`reader failed on ${chunk.length}`);
  };
  await expect(read()).rejects.toThrow(/reader failed/);
  expect([first.destroyed, positions]).toEqual([true, []]);
});

test('an abort ends the pause before the next try', async () => {
  const abort = new AbortController();
  const { source } = breakingBody(Buffer.alloc(1000), 300, { retryDelay: 60_000, signal: abort.signal });
  const read = new ResumedBody(source).bytes();
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await expect(read).rejects.toThrow('enough');
});
