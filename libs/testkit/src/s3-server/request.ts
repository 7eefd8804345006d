import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Failure } from './failure.ts';

/** A request taken apart: path style only. */
export interface S3Request {
  readonly method: string;
  /** Empty: the service itself. */
  readonly bucket: string;
  /** Empty: the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  headerNames(): string[];
  body(): Promise<Buffer>;
}

/** More than any part of a test or a development stack needs; S3 itself takes 5 GiB. */
const MAX_BODY = 512 * 1024 * 1024;

export function parseRequest(request: IncomingMessage): S3Request {
  // Not by URL(), which would resolve `..` and `//`: keys may hold both.
  const [path = '', query = ''] = splitOnce(request.url ?? '/', '?');
  const [bucket = '', key = ''] = splitOnce(path.slice(1), '/');
  const header = (name: string) => {
    const value = request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  return {
    method: request.method ?? 'GET',
    bucket: decode(bucket),
    key: decode(key),
    query: new URLSearchParams(query),
    header,
    headerNames: () => Object.keys(request.headers),
    body: () => readBody(request, header),
  };
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Failure(400, 'InvalidURI', 'The URI is not properly encoded.');
  }
}

async function readBody(request: IncomingMessage, header: S3Request['header']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new S3Failure(400, 'EntityTooLarge', 'The body is larger than this server takes.');
    chunks.push(chunk);
  }
  let body: Buffer = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  if (header('x-amz-content-sha256')?.startsWith('STREAMING-') === true) body = unchunk(body);
  const expected = header('content-md5');
  if (expected !== undefined && createHash('md5').update(body).digest('base64') !== expected) {
    throw new S3Failure(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  return body;
}

/** Takes the framing of `aws-chunked` off: `{size in hex};chunk-signature=…\r\n{bytes}\r\n`, a chunk of size 0 and trailers at the end. */
function unchunk(body: Buffer): Buffer {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16);
    if (lineEnd < 0 || Number.isNaN(size)) {
      throw new S3Failure(400, 'IncompleteBody', 'The chunks of the body are not well-formed.');
    }
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
