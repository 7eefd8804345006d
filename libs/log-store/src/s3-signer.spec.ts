import { createHash, createHmac } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { expect, test } from '@jest/globals';
import type { HttpRequest } from '@smithy/types';
import fc from 'fast-check';
import { S3Signer } from './s3-signer.ts';

/** Of AWS's published examples. */
const EXAMPLE = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const EXAMPLE_TIME = Date.parse('2013-05-24T00:00:00Z');

class Sent extends Error {
  readonly request: HttpRequest;

  constructor(request: HttpRequest) {
    super('not sent');
    this.request = request;
  }
}

/** A client that sends nothing, and the requests that it would send. */
function sdk(config: S3ClientConfig) {
  const client = new S3Client({ region: 'us-east-1', credentials: EXAMPLE, maxAttempts: 1, ...config });
  client.middlewareStack.add(
    () => (args) => {
      throw new Sent(args.request as HttpRequest);
    },
    { step: 'deserialize', priority: 'low' },
  );
  const commandOf = async (command: GetObjectCommand | ListObjectsV2Command): Promise<HttpRequest> => {
    const outcome: unknown = await client.send(command as GetObjectCommand).catch((error: unknown) => error);
    if (outcome instanceof Sent) return outcome.request;
    throw outcome;
  };
  const requestOf = (key: string) => commandOf(new GetObjectCommand({ Bucket: 'examplebucket', Key: key }));
  return { client, commandOf, requestOf };
}

async function signerLike(config: S3ClientConfig) {
  const { client, requestOf } = sdk(config);
  const signer = new S3Signer(client.config, Date.now);
  signer.learn('some key', await requestOf('some key'));
  return { signer, requestOf };
}

const whole = (key: string) => ({ key });

test("AWS's example of a GET of an object", async () => {
  const signer = new S3Signer(sdk({}).client.config, () => EXAMPLE_TIME);
  // The SDK of today would name the region in the host.
  signer.learn('k', {
    method: 'GET',
    protocol: 'https:',
    hostname: 'examplebucket.s3.amazonaws.com',
    path: '/k',
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      authorization:
        'AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0',
    },
  });
  expect((await signer.sign({ key: 'test.txt', headers: { range: 'bytes=0-9' } }))?.headers).toMatchObject({
    'x-amz-date': '20130524T000000Z',
    authorization: [
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
      'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date',
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ].join(', '),
  });
});

const PLACES: [string, S3ClientConfig][] = [
  ['virtual host', {}],
  ['path style', { forcePathStyle: true }],
  ['an endpoint with a port', { endpoint: 'http://127.0.0.1:9000', forcePathStyle: true }],
  ['an endpoint with a path', { endpoint: 'https://example.org/s3/', forcePathStyle: true }],
  ['another region', { region: 'eu-west-2' }],
];

test.each(PLACES)('goes where the SDK goes, whatever the key: %s', async (_, config) => {
  const { signer, requestOf } = await signerLike(config);
  const odd = fc.constantFrom(' ', '+', '%', '/', '//', '/../', '.', '~', "!'()*", 'ä', '€', '😀', '?', '#', '&', '\\');
  const keys = fc
    .array(fc.oneof(odd, fc.string({ unit: 'grapheme' })), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join(''))
    .filter((key) => key !== '');
  await fc.assert(
    fc.asyncProperty(keys, async (key) => {
      const [mine, its] = [await signer.sign(whole(key)), await requestOf(key)];
      const place = ({ method, protocol, hostname, port, path }: HttpRequest) => [
        method,
        protocol,
        hostname,
        port,
        path,
      ];
      expect(mine && place(mine)).toEqual(place(its));
      expect(mine?.headers['host']).toBe(its.headers['host']);
      expect(mine?.headers['authorization']).toBe(authorization(mine, EXAMPLE));
    }),
    { numRuns: 50 },
  );
});

/** By the book: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
function authorization(
  request: HttpRequest | undefined,
  { accessKeyId, secretAccessKey }: { readonly accessKeyId: string; readonly secretAccessKey: string },
): string {
  const { authorization: given = '', 'user-agent': _, ...headers } = request?.headers ?? {};
  const region = given.split('/')[2] ?? '';
  const date = headers['x-amz-date'] ?? '';
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const names = Object.keys(headers).toSorted();
  const escape = (text: string) =>
    new URLSearchParams({ '': text })
      .toString()
      .slice(1)
      .replaceAll('+', '%20')
      .replaceAll('*', '%2A')
      .replaceAll('%7E', '~');
  const query = Object.entries((request?.query ?? {}) as Record<string, string>)
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .toSorted();
  const canonical = [
    request?.method,
    request?.path,
    query.join('&'),
    ...names.map((name) => `${name}:${headers[name] ?? ''}`),
    '',
    names.join(';'),
    createHash('sha256')
      .update((request?.body as Uint8Array | undefined) ?? '')
      .digest('hex'),
  ].join('\n');
  const scope = [date.slice(0, 8), region, 's3', 'aws4_request'];
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), createHash('sha256').update(canonical).digest('hex')];
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, text.join('\n')).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

test('temporary credentials: their token is sent and signed, and new ones are taken', async () => {
  let number = 0;
  // Never to be used twice.
  const credentials = () =>
    Promise.resolve({ ...EXAMPLE, sessionToken: `token ${(++number).toString()}`, expiration: new Date() });
  const { signer } = await signerLike({ credentials });
  const [first, second] = [await signer.sign(whole('k')), await signer.sign(whole('k'))];
  expect(first?.headers['x-amz-security-token']).toMatch(/^token \d+$/);
  expect(second?.headers['x-amz-security-token']).not.toBe(first?.headers['x-amz-security-token']);
  for (const signed of [first, second]) {
    expect(signed?.headers['authorization']).toContain(';x-amz-security-token,');
    expect(signed?.headers['authorization']).toBe(authorization(signed, EXAMPLE));
  }
});

test('conditions are signed too', async () => {
  const { signer } = await signerLike({});
  const signed = await signer.sign({ key: 'k', headers: { 'if-match': '"abc"' } });
  expect(signed?.headers).toMatchObject({ 'if-match': '"abc"' });
  expect(signed?.headers['authorization']).toBe(authorization(signed, EXAMPLE));
});

test('a body is signed, by its hash, and its length is told', async () => {
  const { signer } = await signerLike({});
  const body = Buffer.from('what is in it');
  const signed = await signer.sign({
    key: 'k',
    headers: { 'content-type': 'text/plain', 'if-match': undefined },
    body,
  });
  expect(signed?.body).toBe(body);
  expect(signed?.headers).toMatchObject({
    'content-length': body.length.toString(),
    'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
  });
  expect(signed?.headers).not.toHaveProperty('if-match');
  expect(signed?.headers['authorization']).toContain('SignedHeaders=content-length;content-type;host;');
  expect(signed?.headers['authorization']).toBe(authorization(signed, EXAMPLE));
});

test.each(PLACES)(
  'a request about the bucket goes where the SDK goes, with its query signed: %s',
  async (_, config) => {
    const { client, commandOf } = sdk(config);
    const signer = new S3Signer(client.config, Date.now);
    const listing = (prefix: string) =>
      commandOf(new ListObjectsV2Command({ Bucket: 'examplebucket', Prefix: prefix }));
    signer.learn(undefined, await listing('some'));
    const values = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom("a b/+&=ä'!()*~", ''));
    await fc.assert(
      fc.asyncProperty(values, async (prefix) => {
        const its = await listing(prefix);
        const mine = await signer.sign({ query: { 'list-type': '2', prefix } });
        expect(mine).toMatchObject({ method: 'GET', hostname: its.hostname, path: its.path, query: its.query });
        expect(mine?.headers['authorization']).toBe(authorization(mine, EXAMPLE));
      }),
      { numRuns: 50 },
    );
  },
);

test.each([
  [
    'for several regions',
    'AWS4-ECDSA-P256-SHA256 Credential=A/20130524/s3/aws4_request, SignedHeaders=host, Signature=0',
  ],
  ['of a session', 'AWS4-HMAC-SHA256 Credential=A/20130524/r/s3express/aws4_request, SignedHeaders=host, Signature=0'],
  ['missing', undefined],
])('a pattern whose signature is another is none: %s', async (_, authorization) => {
  const { signer, requestOf } = await signerLike({});
  expect(await signer.sign(whole('k'))).toBeDefined();
  const request = await requestOf('k');
  const { authorization: __, ...headers } = request.headers;
  signer.learn('k', { ...request, headers: { ...headers, ...(authorization !== undefined && { authorization }) } });
  expect(await signer.sign(whole('k'))).toBeUndefined();
});

test('a pattern that does not end in the key is none', async () => {
  const { signer, requestOf } = await signerLike({});
  signer.learn('other', await requestOf('key'));
  expect(await signer.sign(whole('k'))).toBeUndefined();
});
