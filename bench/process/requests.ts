import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createS3ObjectStore } from '@cordwood/log-store';
import type { Task } from './task.ts';

const KEY = 'data/job-of-the-bench/sdk';
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
  await put();
  const store = createS3ObjectStore({ bucket: object.Bucket, forcePathStyle: true });
  const request = { put, get, 'store-get': async () => (await store.get(KEY)).bytes() }[kind];
  for (let i = 0; i < WARM_UP; i++) await request();
  warm();
  for (let i = 0; i < count; i++) await request();
}
