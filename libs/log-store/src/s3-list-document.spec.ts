import { Readable } from 'node:stream';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { documentOf } from './s3-list.ts';
import { type ListDocument, readListDocument } from './s3-list-document.ts';

/** The SDK's reading of this text; undefined: it throws. */
async function bySdk(text: string): Promise<ListDocument | undefined> {
  const client = new S3Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    maxAttempts: 1,
    requestHandler: {
      handle: () =>
        Promise.resolve({ response: { statusCode: 200, headers: {}, body: Readable.from([text]) } as never }),
    },
  });
  try {
    return documentOf(await client.send(new ListObjectsV2Command({ Bucket: 'logs' })));
  } catch {
    return undefined;
  }
}

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>';

const AWS = `${HEAD}
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>logs</Name><Prefix>kube/</Prefix>\
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken><KeyCount>2</KeyCount>\
<MaxKeys>2</MaxKeys><Delimiter>%2F</Delimiter><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
<Contents><Key>kube/a+file</Key><LastModified>2026-11-21T21:29:08.000Z</LastModified>\
<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>\
<ChecksumAlgorithm>SHA256</ChecksumAlgorithm><Size>434234</Size><Owner><ID>75aa</ID><DisplayName/></Owner>\
<StorageClass>STANDARD</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus></Contents>\
<CommonPrefixes><Prefix>kube/x/</Prefix></CommonPrefixes></ListBucketResult>`;

/** As Go's encoder writes it, with line breaks. */
const INDENTED = `${HEAD}
<ListBucketResult>
  <Name>logs</Name>
  <Prefix></Prefix>
  <IsTruncated>false</IsTruncated>
  <Contents>
    <Key>a &amp; b &lt;&gt;</Key>
    <ETag>&#34;abc&#34;</ETag>
    <Size>0</Size>
    <LastModified>2026-11-21T21:29:08.123456789Z</LastModified>
  </Contents>
</ListBucketResult>
`;

describe('documents as stores write them', () => {
  test('AWS', async () => {
    const document = readListDocument(AWS);
    expect(document).toEqual({
      objects: [
        {
          key: 'kube/a+file',
          etag: '"d41d8cd98f00b204e9800998ecf8427e"',
          size: 434234,
          lastModified: Date.parse('2026-11-21T21:29:08Z'),
        },
      ],
      prefixes: ['kube/x/'],
      isUrlEncoded: true,
      isTruncated: true,
      nextToken: '1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=',
    });
    expect(document).toEqual(await bySdk(AWS));
  });

  test('with line breaks, other escapes and finer times', async () => {
    const document = readListDocument(INDENTED);
    expect(document?.objects).toEqual([
      { key: 'a & b <>', etag: '"abc"', size: 0, lastModified: Date.parse('2026-11-21T21:29:08.123Z') },
    ]);
    expect(document).toEqual(await bySdk(INDENTED));
  });

  test('nothing listed', async () => {
    const empty = `${HEAD}<ListBucketResult><Name>logs</Name><KeyCount>0</KeyCount></ListBucketResult>`;
    expect(readListDocument(empty)).toEqual(await bySdk(empty));
    expect(readListDocument(empty)?.objects).toEqual([]);
  });
});

const named = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };
const escaped = fc
  .array(
    fc.oneof(
      fc.constantFrom(...Object.keys(named)).map((char) => `&${named[char as '&']};`),
      fc.integer({ min: 32, max: 0xd7ff }).chain((code) => fc.constantFrom(`&#${code};`, `&#x${code.toString(16)};`)),
      fc.string({ unit: fc.constantFrom('a', 'b', '/', ' ', '%', '+', '.', '€', '😀'), maxLength: 4 }),
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''));
const time = fc
  .record({
    at: fc.date({ min: new Date(0), max: new Date('9000-01-01'), noInvalidDate: true }),
    digits: fc.integer({ min: 0, max: 9 }),
  })
  .chain(({ at, digits }) =>
    fc
      .string({ unit: fc.integer({ min: 0, max: 9 }).map(String), minLength: digits, maxLength: digits })
      .map((fraction) => {
        const seconds = at.toISOString().slice(0, 19);
        return `${seconds}${fraction === '' ? '' : `.${fraction}`}Z`;
      }),
  );
const blank = fc.constantFrom('', '', '', '\n', '\n  ', ' \n\t\n');
const element = (name: string, content: fc.Arbitrary<string>) =>
  fc.tuple(content, blank).map(([text, space]) => `<${name}>${text}</${name}>${space}`);
const parts = (...all: fc.Arbitrary<string>[]) =>
  fc
    .tuple(
      blank,
      fc.tuple(...all).chain((given) => fc.shuffledSubarray(given, { minLength: given.length })),
    )
    .map(([space, given]) => space + given.join(''));
const contents = element(
  'Contents',
  parts(
    element('Key', escaped),
    element('ETag', escaped),
    element(
      'Size',
      fc.maxSafeNat().map((size) => Math.floor(size / 10).toString()),
    ),
    element('LastModified', time),
    fc.constantFrom(
      '',
      '<StorageClass>STANDARD</StorageClass>',
      '<Owner>\n<Key>not the key</Key><ID/></Owner>',
      '<Owner/>',
    ),
  ),
);
const optional = (name: string, content: fc.Arbitrary<string>) => fc.oneof(fc.constant(''), element(name, content));
const documents = parts(
  optional('EncodingType', fc.constantFrom('url', 'other')),
  optional('IsTruncated', fc.constantFrom('true', 'false')),
  optional('NextContinuationToken', escaped),
  optional('Prefix', escaped),
  fc.array(contents, { maxLength: 3 }).map((all) => all.join('')),
  fc.array(element('CommonPrefixes', element('Prefix', escaped)), { maxLength: 3 }).map((all) => all.join('')),
).map(
  (text) => `${HEAD}\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${text}</ListBucketResult>`,
);

test('whatever is in a usual document, it is read as the SDK reads it', async () => {
  await fc.assert(
    fc.asyncProperty(documents, async (text) => {
      const [mine, its] = [readListDocument(text), await bySdk(text)];
      expect(mine).toBeDefined();
      expect(mine).toEqual(its);
    }),
    { numRuns: 200 },
  );
});

const SNIPPETS = [
  '<!-- x -->', '<![CDATA[x]]>', '<?x y?>', '<!DOCTYPE x>', '&', '&amp;', '&nbsp;', '&#99999;', '&#x1F600;', '<', '>', '</', '/>', ' ', '\n', '\r\n', '\u00a0',
  '<Key>k</Key>', '<Key/>', '<Size>1</Size>', '<Size>-1</Size>', '<Size> 1</Size>', '<Size>1e3</Size>', '<IsTruncated>TRUE</IsTruncated>', '<Contents/>', '<Contents>', '</Contents>',
  '<Contents></Contents>', '<Contents>\n</Contents>', '<CommonPrefixes/>', '<CommonPrefixes>', '<Prefix><Key>x</Key></Prefix>', '<a b="c">', ' a="b"', 'text', '</ListBucketResult>', '<ListBucketResult>',
  '<LastModified>2026-02-30T00:00:00Z</LastModified>', '<LastModified>2026-11-21T21:29:08+01:00</LastModified>', '<__proto__>x</__proto__>', '<Owner><Contents><Key>x</Key></Contents></Owner>', '\ufeff',
]; // prettier-ignore

/** Places between tags as well as anywhere. */
const edits = fc.array(
  fc.record({
    at: fc.nat({ max: 1_000_000 }),
    betweenTags: fc.boolean(),
    cut: fc.constantFrom(0, 0, 1, 5, 40),
    put: fc.constantFrom('', ...SNIPPETS),
  }),
  { minLength: 1, maxLength: 2 },
);

test('a document with anything odd about it is read as the SDK reads it, or left to the SDK', async () => {
  let read = 0;
  await fc.assert(
    fc.asyncProperty(documents, edits, async (document, all) => {
      let text = document;
      for (const { at, betweenTags, cut, put } of all) {
        const places = betweenTags ? [...text.matchAll(/>(?=<)/g)].map(({ index }) => index + 1) : [];
        const place = places[at % (places.length || 1)] ?? at % (text.length + 1);
        text = text.slice(0, place) + put + text.slice(place + cut);
      }
      // A character may have been cut in two.
      text = Buffer.from(text).toString();
      const mine = readListDocument(text);
      if (mine === undefined) return;
      read++;
      expect(mine).toEqual(await bySdk(text));
    }),
    { numRuns: 3000 },
  );
  // Not all of it is odd: else nothing would be shown.
  expect(read).toBeGreaterThan(100);
});

test.each([
  ['an error', `${HEAD}<Error><Code>SlowDown</Code></Error>`],
  ['nothing', ''],
  ['a document that is cut off', AWS.slice(0, -1)],
  ['one that goes on', `${AWS}<ListBucketResult></ListBucketResult>`],
  ['an object without a key', AWS.replace('<Key>kube/a+file</Key>', '')],
  ['an object with two', AWS.replace('<Size>', '<Key>other</Key><Size>')],
])('left to the SDK: %s', (_, text) => {
  expect(readListDocument(text)).toBeUndefined();
});
