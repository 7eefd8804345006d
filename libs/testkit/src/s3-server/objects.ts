import { type S3Answer, xml, element } from './answer.ts';
import { type Bucket, type Conditions, matches, type ObjectHead, preconditionFailed } from './bucket.ts';
import { S3Failure } from './failure.ts';
import type { S3Request } from './request.ts';

const KEPT_HEADERS = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-disposition',
  'cache-control',
  'expires',
];
const METADATA = 'x-amz-meta-';

export async function getObject(bucket: Bucket, request: S3Request): Promise<S3Answer> {
  const refused = checkRead(bucket.head(request.key), request);
  if (refused !== undefined) return refused;
  const { head, body: open } = await bucket.open(request.key);
  // Between the check and the opening it may have been replaced.
  const late = checkRead(head, request);
  if (late !== undefined) {
    await open.close();
    return late;
  }
  const range = parseRange(request.header('range'), head.size);
  if (range === undefined) {
    return { status: 200, headers: describe(head), body: { open, start: 0, end: head.size } };
  }
  if (range === 'unsatisfiable') {
    await open.close();
    throw new S3Failure(416, 'InvalidRange', 'The requested range is not satisfiable');
  }
  const contentRange = `bytes ${range.start}-${range.end - 1}/${head.size}`;
  return { status: 206, headers: { ...describe(head), 'content-range': contentRange }, body: { open, ...range } };
}

export function headObject(bucket: Bucket, request: S3Request): S3Answer {
  const head = bucket.head(request.key);
  const refused = checkRead(head, request);
  return refused ?? { status: 200, headers: { ...describe(head), 'content-length': String(head.size) } };
}

export async function putObject(bucket: Bucket, request: S3Request): Promise<S3Answer> {
  const body = await request.body();
  const head = await bucket.put({ key: request.key, ...givenHeaders(request), body }, writeConditions(request));
  return { status: 200, headers: { etag: `"${head.etag}"` } };
}

export async function copyObject(
  source: { bucket: Bucket; key: string },
  target: Bucket,
  request: S3Request,
): Promise<S3Answer> {
  const { head, body: opened } = await source.bucket.open(source.key);
  try {
    const ifMatch = request.header('x-amz-copy-source-if-match');
    if (ifMatch !== undefined && !matches(ifMatch, head.etag)) throw preconditionFailed();
    const replace = request.header('x-amz-metadata-directive') === 'REPLACE';
    const body = await opened.read(0, head.size);
    const described = replace ? givenHeaders(request) : head;
    const { headers, metadata } = described;
    const copy = await target.put({ key: request.key, headers, metadata, body }, writeConditions(request));
    const modified = new Date(copy.lastModified).toISOString();
    return xml('CopyObjectResult', element('ETag', `"${copy.etag}"`) + element('LastModified', modified));
  } finally {
    await opened.close();
  }
}

export function deleteObject(bucket: Bucket, request: S3Request): S3Answer {
  if (!bucket.delete(request.key, request.header('if-match'))) throw preconditionFailed();
  return { status: 204 };
}

/** The headers and user metadata that are stored with an object. */
export function givenHeaders(request: S3Request): Pick<ObjectHead, 'headers' | 'metadata'> {
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = request.header(name);
    if (value !== undefined) headers[name] = value;
  }
  // `aws-chunked` is a matter of the transfer, not of the object.
  const encoding = headers['content-encoding']
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== 'aws-chunked')
    .join(',');
  if (encoding !== undefined && encoding !== '') headers['content-encoding'] = encoding;
  else delete headers['content-encoding'];
  headers['content-type'] ??= 'binary/octet-stream';
  const metadata: Record<string, string> = {};
  for (const name of request.headerNames()) {
    if (name.startsWith(METADATA)) metadata[name.slice(METADATA.length)] = request.header(name) ?? '';
  }
  return { headers, metadata };
}

export function writeConditions(request: S3Request): Conditions {
  return { ifMatch: request.header('if-match'), ifNoneMatch: request.header('if-none-match') };
}

function describe(head: ObjectHead): Record<string, string> {
  const metadata = Object.entries(head.metadata).map(([name, value]) => [METADATA + name, value]);
  return {
    ...head.headers,
    ...(Object.fromEntries(metadata) as Record<string, string>),
    etag: `"${head.etag}"`,
    'last-modified': new Date(head.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
  };
}

function checkRead(head: ObjectHead, request: S3Request): S3Answer | undefined {
  const ifMatch = request.header('if-match');
  if (ifMatch !== undefined && !matches(ifMatch, head.etag)) throw preconditionFailed();
  const ifNoneMatch = request.header('if-none-match');
  return ifNoneMatch !== undefined && matches(ifNoneMatch, head.etag)
    ? { status: 304, headers: { etag: `"${head.etag}"` } }
    : undefined;
}

/** `end` is exclusive. A header of another form is passed over, as HTTP asks. */
function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [first = '', last = ''] = match?.slice(1) ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : 'unsatisfiable';
}
