import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { eventually, isClean, putRaw, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { logPath, startReader } from './harness.ts';

/** Reads that take longer than merging and cleaning, by real workers. */

const FILES = 10;
const LINES = 4096;
/** More than all the connections between S3 and the client hold. */
const LENGTH = 1024;

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

/** The last of the first files is small: what it is merged into is written anew together with the next one. */
const messagesOf = (file: number): string[] =>
  Array.from({ length: file === FILES - 1 ? 100 : LINES }, (_, line) =>
    `file ${file} line ${line} `.padEnd(LENGTH - 1, '.'),
  );

const textOf = (files: number): string =>
  Array.from({ length: files }, (_, file) => `${messagesOf(file).join('\n')}\n`).join('');

/** Reads a first part of the answer's body, and leaves the rest where it is. */
async function begin(response: IncomingMessage, bytes: number): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for (let size = 0; size < bytes;) {
    const chunk = response.read() as Buffer | null;
    if (chunk === null) await once(response, 'readable');
    else size += chunks.push(chunk) > 0 ? chunk.length : 0;
  }
  return chunks;
}

async function finish(response: IncomingMessage, chunks: Buffer[]): Promise<string> {
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const put = (index: number) => putRaw(system.store, { pod: 'p', index, messages: messagesOf(index) });

test('a read that began before merging goes on after cleaning, to the byte', async () => {
  for (let file = 0; file < FILES; file++) await put(file);
  const reader = await startReader(system);
  const [response] = (await once(get(reader.url + logPath('p')), 'response')) as [IncomingMessage];
  const chunks = await begin(response, 1_000_000);

  await system.start('compactor-worker');
  await system.start('cleanup-worker');
  await eventually('all raw files are merged and gone', () => isClean(system, 'p'));
  chunks.push(...(await begin(response, 12_000_000)));

  // What was merged is merged again, with a file that comes now, and the first merged files are deleted.
  const files = await system.keys('data/p/');
  await put(FILES);
  await eventually('merged files are replaced and gone', async () => {
    const now = new Set(await system.keys('data/p/'));
    return (await isClean(system, 'p')) && files.some((key) => !now.has(key));
  });
  const text = await finish(response, chunks);
  expect(response.complete).toBe(true);
  expect([textOf(FILES), textOf(FILES + 1)].includes(text)).toBe(true);
  // Once when the raw files had gone, and once when a merged one had.
  expect(await reader.metric('cordwood_reads_resumed_total')).toBe(2);
});
