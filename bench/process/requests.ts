import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createS3ObjectStore } from '@cordwood/log-store';
import type { Task } from './task.ts';

const KEY = 'data/job-of-the-bench/sdk';
/** The pages that are listed have as many files as the small pods of the bench. */
const LISTED = 'data/job-of-the-bench/listed/';
const LISTED_FILES = 10;
/** Until the code is compiled and the connection is there. */
const WARM_UP = 100;

/** Sends one request after the other, with the AWS SDK as it comes or with the object store of the apps; `warm` is called when those before the measured ones are through. */
export async function requests(
  { kind, count, bytes }: Extract<Task, { readonly count: number }>,
  warm: () => void,
): Promise<void> {
  const client = new S3Client({ forcePathStyle: true });
  const object = { Bucket: process.env['LOGS_BUCKET'] ?? 'logs', Key: KEY };
  const body = Buffer.alloc(bytes, 'log ');
  const put = () => client.send(new PutObjectCommand({ ...object, Body: body }));
  const get = async () => (await client.send(new GetObjectCommand(object))).Body?.transformToByteArray();
  const list = () => client.send(new ListObjectsV2Command({ Bucket: object.Bucket, Prefix: LISTED }));
  await put();
  const store = createS3ObjectStore({ bucket: object.Bucket, forcePathStyle: true });
  for (let i = 0; i < LISTED_FILES; i++) await store.put(`${LISTED}20261121${i}__a-file.gz`, body.subarray(0, 1));
  const request = {
    put,
    get,
    list,
    'store-put': () => store.put(KEY, body),
    'store-get': async () => (await store.get(KEY)).bytes(),
    'store-list': () => store.list({ prefix: LISTED })[Symbol.asyncIterator]().next(),
  }[kind];
  for (let i = 0; i < WARM_UP; i++) await request();
  warm();
  for (let i = 0; i < count; i++) await request();
}
