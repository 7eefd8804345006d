import type { S3ClientResolvedConfig } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpRequest } from '@smithy/types';
import { escapeUri } from './escape-uri.ts';
import { Sha256 } from './sha256.ts';

/** What one request of an operation has that others of the same operation do not. */
export interface S3Request {
  /** Of the object that it is about; undefined: it is about the bucket. */
  readonly key?: string | undefined;
  readonly query?: Readonly<Record<string, string>>;
  /** By names in lower case; what is undefined is not sent. Those that the signature needs are added. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
}

/** What is taken from the SDK's configuration. */
export type SigningConfig = Pick<S3ClientResolvedConfig, 'credentials'>;

/** The SDK's requests of one operation, as far as they are all the same. */
interface Pattern {
  readonly request: Pick<HttpRequest, 'method' | 'protocol' | 'hostname' | 'port'>;
  readonly headers: Readonly<Record<string, string>>;
  /** What stands before the key: `/`, or the bucket's name between slashes, or more where the endpoint has a path. */
  readonly base: string;
  readonly region: string;
}

/** A signature with a secret key (`AWS4-ECDSA…` is one for several regions), for S3 itself (`s3express` signs by session). */
const PLAIN_SIGNATURE = /^AWS4-HMAC-SHA256 Credential=[^,]*\/\d{8}\/([^/,]+)\/s3\/aws4_request,/;

/**
 * Makes the SDK's requests of one operation in one bucket without the SDK. Where a bucket is reached and for which region is signed follows from
 * settings, the endpoint and the bucket's name by rules that are the SDK's own: so one request that the SDK has made serves as the pattern for all others.
 */
export class S3Signer {
  readonly #signer: SignatureV4;
  readonly #now: () => number;
  #pattern: Pattern | undefined;

  /** `now`: ms since 1970 by the clock that requests are signed with. */
  constructor({ credentials }: SigningConfig, now: () => number) {
    // S3 alone wants paths to be signed as they are sent: a key may hold `..` or `//`.
    this.#signer = new SignatureV4({ credentials, sha256: Sha256, region: '', service: 's3', uriEscapePath: false });
    this.#now = now;
  }

  /** Takes a signed request of the SDK for this key as the pattern, unless it is of a kind that cannot be made here. */
  learn(key: string | undefined, request: HttpRequest): void {
    const { method, protocol, hostname, port, path, headers } = request;
    const [, region] = PLAIN_SIGNATURE.exec(headers['authorization'] ?? '') ?? [];
    const ending = encodeKey(key);
    this.#pattern = undefined;
    if (region === undefined || !path.endsWith(ending)) return;
    const { host = '', 'user-agent': userAgent = '' } = headers;
    this.#pattern = {
      request: { method, protocol, hostname, ...(port !== undefined && { port }) },
      headers: { host, 'user-agent': userAgent },
      base: path.slice(0, path.length - ending.length),
      region,
    };
  }

  /** The request, for `HttpConnections`; undefined as long as there is no pattern. Rejects when there are no credentials. */
  async sign({ key, query = {}, headers = {}, body }: S3Request): Promise<HttpRequest | undefined> {
    if (this.#pattern === undefined) return undefined;
    const { request, base, region } = this.#pattern;
    const sent = { ...this.#pattern.headers };
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) sent[name] = value;
    }
    // The body's hash is signed: the store refuses other bytes than these.
    if (body !== undefined) sent['content-length'] = body.length.toString();
    return this.#signer.sign(
      { ...request, path: base + encodeKey(key), query: { ...query }, headers: sent, body },
      { signingDate: new Date(this.#now()), signingRegion: region },
    );
  }
}

/** Slashes are kept. */
const encodeKey = (key = ''): string => escapeUri(key).replaceAll('%2F', '/');
