import { element, type S3Answer, textsOf, xml } from './answer.ts';
import type { Bucket } from './bucket.ts';
import type { S3Request } from './request.ts';

const MAX_KEYS = 1000;

/** ListObjectsV2; nobody here pages with version 1. */
export function listObjects(bucket: Bucket, { query }: S3Request): S3Answer {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? undefined;
  const limit = Math.min(MAX_KEYS, Number(query.get('max-keys') ?? MAX_KEYS));
  const page = bucket.keys.page({
    prefix,
    delimiter,
    limit,
    startAfter: query.get('start-after') ?? undefined,
    token: query.get('continuation-token') ?? undefined,
  });
  const encode = query.get('encoding-type') === 'url' ? encodeKey : (key: string) => key;
  const objects = page.keys.map((key) => {
    const head = bucket.head(key);
    const modified = new Date(head.lastModified).toISOString();
    return `<Contents>${element('Key', encode(key))}${element('LastModified', modified)}${element('ETag', `"${head.etag}"`)}${element('Size', head.size)}<StorageClass>STANDARD</StorageClass></Contents>`;
  });
  const prefixes = page.prefixes.map(
    (common) => `<CommonPrefixes>${element('Prefix', encode(common))}</CommonPrefixes>`,
  );
  return xml(
    'ListBucketResult',
    [
      element('Name', bucket.name),
      element('Prefix', encode(prefix)),
      delimiter === undefined ? '' : element('Delimiter', encode(delimiter)),
      element('MaxKeys', limit),
      query.get('encoding-type') === 'url' ? element('EncodingType', 'url') : '',
      element('IsTruncated', page.next !== undefined),
      element('KeyCount', page.keys.length + page.prefixes.length),
      page.next === undefined ? '' : element('NextContinuationToken', page.next),
      ...objects,
      ...prefixes,
    ].join(''),
  );
}

/** DeleteObjects, the ETag of an entry being its condition. */
export async function deleteObjects(bucket: Bucket, request: S3Request): Promise<S3Answer> {
  const document = (await request.body()).toString('utf8');
  const quiet = textsOf(document, 'Quiet')[0] === 'true';
  const results: string[] = [];
  for (const [, entry = ''] of document.matchAll(/<Object>(.*?)<\/Object>/gs)) {
    const key = textsOf(entry, 'Key')[0] ?? '';
    if (bucket.delete(key, textsOf(entry, 'ETag')[0])) {
      if (!quiet) results.push(`<Deleted>${element('Key', key)}</Deleted>`);
    } else {
      const reason = element('Code', 'PreconditionFailed') + element('Message', 'The ETag is another one');
      results.push(`<Error>${element('Key', key)}${reason}</Error>`);
    }
  }
  return xml('DeleteResult', results.join(''));
}

function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
}
