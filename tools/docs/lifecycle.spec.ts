import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PutBucketLifecycleConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import {
  damagedKey,
  damagedMetadataKey,
  formatRawKey,
  mergedPrefixOfPod,
  metadataKey,
  referencePrefixOfPod,
} from '@cordwood/s3-key-format';
import { beforeAll, expect, test } from '@jest/globals';
import { ROOT } from './named-metrics.ts';

interface Rule {
  readonly ID: string;
  readonly Status: 'Enabled';
  readonly Filter: { readonly Prefix: string };
  readonly Expiration?: { readonly Days?: number; readonly ExpiredObjectDeleteMarker?: boolean };
}

let configuration: { readonly Rules: Rule[] };
beforeAll(async () => {
  const runbook = await readFile(join(ROOT, 'docs/runbook.md'), 'utf8');
  const [, json = ''] = /\n## Lifecycle rules\n[^]*?\n```json\n([^]*?)```/.exec(runbook) ?? [];
  configuration = JSON.parse(json) as typeof configuration;
});

/** The values in a JSON document, and the values in an XML one, each with the names that lead to it; the order of rules is kept. */
function leavesOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => leavesOf(each, path));
  if (typeof value !== 'object' || value === null) return [`${path} = ${String(value)}`];
  return Object.entries(value).flatMap(([name, field]) =>
    leavesOf(field, `${path}/${name === 'Rules' ? 'Rule' : name}`),
  );
}
function leavesOfXml(xml: string): string[] {
  const path: string[] = [];
  const leaves: string[] = [];
  for (const [, closing, name, value] of xml.matchAll(/<(\/?)(\w+)[^>]*>([^<]*)/g)) {
    if (closing === '/') path.pop();
    else path.push(name ?? '');
    // A tag that the next one closes holds a value.
    if (closing !== '/' && new RegExp(`<${name ?? ''}[^>]*>${value ?? ''}</${name ?? ''}>`).test(xml))
      leaves.push(`/${path.slice(1).join('/')} = ${value ?? ''}`);
  }
  return leaves;
}

test('S3 takes the lifecycle rules of the runbook: its SDK knows every field of them', async () => {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received = body;
      response.end();
    });
  }).listen(0, '127.0.0.1');
  let received = '';
  await once(server, 'listening');
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
  });
  try {
    await client.send(
      new PutBucketLifecycleConfigurationCommand({ Bucket: 'logs', LifecycleConfiguration: configuration }),
    );
  } finally {
    client.destroy();
    server.close();
  }
  // What the SDK does not know it leaves out.
  expect(leavesOfXml(received).toSorted()).toEqual(leavesOf(configuration).toSorted());
});

test('each has a name of its own and is on; one that is off, or has two kinds of expiration, S3 would ignore or refuse', () => {
  const { Rules } = configuration;
  expect(new Set(Rules.map(({ ID }) => ID)).size).toBe(Rules.length);
  for (const { Status, Expiration = {} } of Rules)
    expect([Status, Object.keys(Expiration).length <= 1]).toEqual(['Enabled', true]);
});

test('none of them expires what is current of a log', () => {
  const pod = 'job-a';
  const raw = { pod, namespace: 'jobs', container: pod, containerId: 'a'.repeat(64), date: '202611201000', index: '0' };
  const rawKey = formatRawKey({ ...raw, logSuffix: true, separator: '__' });
  const ofLogs = [
    rawKey,
    metadataKey(pod),
    `${mergedPrefixOfPod(pod)}x`,
    `${referencePrefixOfPod(pod)}x`,
    `cleanup/${pod}`,
  ];
  const expiring = configuration.Rules.filter(({ Expiration }) => Expiration?.Days !== undefined);
  const expires = (key: string) => expiring.some(({ Filter }) => key.startsWith(Filter.Prefix));
  expect(ofLogs.filter(expires)).toEqual([]);
  expect(expires(damagedKey({ rawKey, etag: 'e' }))).toBe(true);
  expect(expires(damagedMetadataKey({ pod, etag: 'e' }))).toBe(true);
});
