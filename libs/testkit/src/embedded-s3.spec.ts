import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type EmbeddedS3, startEmbeddedS3 } from './embedded-s3.ts';

// What Cordwood itself needs of S3 is in log-store's conformance suite; here is what else the server promises.
let dataDir: string;
let s3: EmbeddedS3;
let client: S3Client;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cordwood-s3-'));
  await start();
});
afterEach(async () => {
  await stop();
  await rm(dataDir, { recursive: true });
});

async function start(): Promise<void> {
  s3 = await startEmbeddedS3({ dataDir });
  client = clientOf(s3.env);
}
async function stop(): Promise<void> {
  client.destroy();
  await s3.stop();
}
function clientOf(env: EmbeddedS3['env']): S3Client {
  return new S3Client({
    endpoint: env.AWS_ENDPOINT_URL_S3,
    region: env.AWS_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
  });
}
const at = (key: string) => ({ Bucket: 'logs', Key: key });
const put = (key: string, body: string) => client.send(new PutObjectCommand({ ...at(key), Body: body }));
const textOf = async (key: string) => (await client.send(new GetObjectCommand(at(key)))).Body?.transformToString();

test('with a data directory objects outlive a restart, in their latest version', async () => {
  await put('kept', 'first');
  const { ETag } = await client.send(
    new PutObjectCommand({ ...at('kept'), Body: 'second', ContentEncoding: 'gzip', Metadata: { records: '1' } }),
  );
  await put('gone', 'x');
  await client.send(new PutObjectCommand({ ...at('kept'), Body: 'third', IfNoneMatch: '*' })).catch(() => undefined);
  const before = await client.send(new GetObjectCommand(at('kept')));
  await stop();
  await start();
  const after = await client.send(new GetObjectCommand(at('kept')));
  expect(await after.Body?.transformToString()).toBe('second');
  expect(after).toMatchObject({ ETag, ContentEncoding: 'gzip', Metadata: { records: '1' } });
  expect(after.LastModified).toEqual(before.LastModified);
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'logs' }));
  expect(Contents?.map(({ Key }) => Key)).toEqual(['gone', 'kept']);
  // One file of bytes and one of JSON each: neither old nor refused versions are left behind.
  expect(await readdir(join(dataDir, 'logs'))).toHaveLength(4);
});

test('an object that is replaced while it is read is read to its end as it was', async () => {
  const content = 'a'.repeat(20 * 1024 * 1024);
  await put('big', content);
  const { Body } = await client.send(new GetObjectCommand(at('big')));
  await put('big', 'b');
  expect(await Body?.transformToString()).toBe(content);
  expect(await textOf('big')).toBe('b');
});

test('multipart uploads, as Fluent Bit makes them', async () => {
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ ...at('parts'), ContentType: 'text/plain' }),
  );
  const parts = [];
  for (const [index, body] of ['one ', 'two'].entries()) {
    const PartNumber = index + 1;
    const { ETag } = await client.send(new UploadPartCommand({ ...at('parts'), UploadId, PartNumber, Body: body }));
    parts.push({ PartNumber, ETag });
  }
  const { ETag } = await client.send(
    new CompleteMultipartUploadCommand({ ...at('parts'), UploadId, MultipartUpload: { Parts: parts } }),
  );
  expect(ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
  expect(await textOf('parts')).toBe('one two');
});

test('bodies in chunks with trailing checksums, as the SDK sends streams', async () => {
  await client.send(
    new PutObjectCommand({ ...at('stream'), Body: Readable.from([Buffer.from('from a stream')]), ContentLength: 13 }),
  );
  const { Body, ContentEncoding } = await client.send(new GetObjectCommand(at('stream')));
  expect(await Body?.transformToString()).toBe('from a stream');
  expect(ContentEncoding).toBeUndefined();
});

test('as a process of its own it says where it is and ends with its parent', async () => {
  const program = join(import.meta.dirname, 'embedded-s3-main.ts');
  const child = spawn(process.execPath, [program, '--bucket', 'a-bucket', '--with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const ready = JSON.parse(line.toString()) as { endpoint: string; env: EmbeddedS3['env'] };
  const other = clientOf(ready.env);
  expect(await other.send(new ListObjectsV2Command({ Bucket: 'a-bucket' }))).toMatchObject({ KeyCount: 0 });
  other.destroy();
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});
