import type { S3ClientResolvedConfig } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpRequest } from '@smithy/types';

/** What a GET asks for. `range` and `ifMatch` are the headers' values as the store wants them. */
export interface GetRequest {
  readonly key: string;
  readonly range: string | undefined;
  readonly ifMatch: string | undefined;
}

/** What is taken from the SDK's configuration. */
export type SigningConfig = Pick<S3ClientResolvedConfig, 'credentials' | 'sha256'>;

/** The SDK's requests for keys of one bucket, as far as they are the same for all keys. */
interface Pattern {
  readonly request: HttpRequest;
  /** What stands before the key: `/`, or the bucket's name between slashes, or more where the endpoint has a path. */
  readonly base: string;
  readonly region: string;
}

/** A signature with a secret key (`AWS4-ECDSA…` is one for several regions), for S3 itself (`s3express` signs by session). */
const PLAIN_SIGNATURE = /^AWS4-HMAC-SHA256 Credential=[^,]*\/\d{8}\/([^/,]+)\/s3\/aws4_request,/;

/**
 * Makes the SDK's GETs without the SDK. Where a bucket is reached and for which region is signed follows from settings, the endpoint and
 * the bucket's name by rules that are the SDK's own: so one request that the SDK has made serves as the pattern for all others.
 */
export class GetSigner {
  readonly #signer: SignatureV4;
  readonly #now: () => number;
  #pattern: Pattern | undefined;

  /** `now`: ms since 1970 by the clock that requests are signed with. */
  constructor({ credentials, sha256 }: SigningConfig, now: () => number) {
    // S3 alone wants paths to be signed as they are sent: a key may hold `..` or `//`.
    this.#signer = new SignatureV4({ credentials, sha256, region: '', service: 's3', uriEscapePath: false });
    this.#now = now;
  }

  /** Takes a signed request of the SDK for this key as the pattern, unless it is of a kind that cannot be made here. */
  learn(key: string, request: HttpRequest): void {
    const [, region] = PLAIN_SIGNATURE.exec(request.headers['authorization'] ?? '') ?? [];
    const path = encodeKey(key);
    this.#pattern =
      region !== undefined && request.path.endsWith(path)
        ? { request, region, base: request.path.slice(0, -path.length) }
        : undefined;
  }

  /** The request, for the SDK's request handler; undefined as long as there is no pattern. Rejects when there are no credentials. */
  async sign({ key, range, ifMatch }: GetRequest): Promise<HttpRequest | undefined> {
    if (this.#pattern === undefined) return undefined;
    const { request, base, region } = this.#pattern;
    const { host = '', 'user-agent': userAgent = '' } = request.headers;
    const headers = {
      host,
      'user-agent': userAgent,
      ...(range !== undefined && { range }),
      ...(ifMatch !== undefined && { 'if-match': ifMatch }),
    };
    return this.#signer.sign(
      { ...request, path: base + encodeKey(key), query: {}, headers },
      { signingDate: new Date(this.#now()), signingRegion: region },
    );
  }
}

/** Everything but letters, digits and `-._~` is escaped, and slashes are kept. */
const encodeKey = (key: string): string =>
  encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
