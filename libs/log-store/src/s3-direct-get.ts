import type { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { DeserializeMiddleware, HttpRequest } from '@smithy/types';
import { type BodyConnection, bodyStream, streamedBody } from './body-connection.ts';
import type { HttpResponse } from './http-connection.ts';
import type { HttpConnections } from './http-connections.ts';
import { type ObservedClient, OBSERVER, type ObserveTry } from './s3-client.ts';
import { type GetRequest, GetSigner } from './s3-get-signer.ts';
import { send } from './s3-send.ts';

/** The head of a good answer, and the body that follows. Who does not read the body to its end destroys it. */
export interface GetAnswer {
  readonly body: BodyConnection;
  /** With the quotes it came in. */
  readonly etag: string | undefined;
  readonly size: number | undefined;
  readonly contentRange: string | undefined;
  /** Ms since 1970. */
  readonly lastModified: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What became of one try. */
type Outcome = { readonly response: HttpResponse } | { readonly error: unknown };

/**
 * Sends GETs of a bucket's objects past the SDK's middleware (docs/adr/0018) and over connections of our own (docs/adr/0019): both take most of the
 * CPU time of a small one.
 *
 * The SDK sends the first one, as the pattern for the others. And what becomes of a try is left to it unless all is well: it gets that
 * outcome as if it had made the try itself. So which error it is, whether and when to try again, and with which clock to sign, is decided in
 * one place, and no request is made that the SDK alone would not have made.
 */
export class DirectGet {
  readonly #client: S3Client;
  readonly #observe: ObserveTry;
  readonly #connections: HttpConnections;
  readonly #bucket: string;
  readonly #signer: GetSigner;

  constructor({ client, observe, connections }: ObservedClient, bucket: string) {
    this.#client = client;
    this.#observe = observe;
    this.#connections = connections;
    this.#bucket = bucket;
    this.#signer = new GetSigner(client.config, () => Date.now() + client.config.systemClockOffset);
  }

  /** Resolves when the head of a good answer is there. Throws StoreErrors, or the signal's reason. */
  async get(wanted: GetRequest, signal: AbortSignal | undefined): Promise<GetAnswer> {
    signal?.throwIfAborted();
    const first = await this.#try(wanted, signal);
    const answer = first !== undefined && 'response' in first ? readHead(first.response) : undefined;
    return answer ?? this.#bySdk(wanted, first, signal);
  }

  /** The first try, past the SDK; undefined when it cannot be made. */
  async #try(wanted: GetRequest, signal: AbortSignal | undefined): Promise<Outcome | undefined> {
    // Why there are no credentials is for the SDK to say.
    const request = await this.#signer.sign(wanted).catch(() => undefined);
    if (request === undefined) return undefined;
    const { retryStrategy } = this.#client.config;
    try {
      const retries = await retryStrategy();
      const token = 'recordSuccess' in retries ? await retries.acquireInitialRetryToken('') : undefined;
      const { response } = await this.#observe('GetObject', async () => ({
        response: await this.#connections.send(request, signal),
      }));
      // How much may be tried again depends on how much went well.
      if (token !== undefined && 'recordSuccess' in retries && isGood(response)) retries.recordSuccess(token);
      return { response };
    } catch (error) {
      return { error };
    }
  }

  /** By the SDK, as whose first try the given one counts. */
  async #bySdk(
    { key, range, ifMatch }: GetRequest,
    first: Outcome | undefined,
    signal: AbortSignal | undefined,
  ): Promise<GetAnswer> {
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(range !== undefined && { Range: range }),
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
    });
    let made = first;
    const inPlaceOfFirst: DeserializeMiddleware<GetObjectCommandInput, GetObjectCommandOutput> =
      (next) => async (args) => {
        const outcome = made;
        made = undefined;
        if (outcome === undefined) {
          const result = await next(args);
          if (isGood(result.response as HttpResponse)) this.#signer.learn(key, args.request as HttpRequest);
          return result;
        }
        if ('error' in outcome) throw outcome.error;
        // What comes out of it is put in by the SDK's own middleware, as after any try.
        const { statusCode, headers, body } = outcome.response;
        return { response: { statusCode, headers, body: bodyStream(body) } };
      };
    command.middlewareStack.addRelativeTo(inPlaceOfFirst, { relation: 'before', toMiddleware: OBSERVER });
    const details = { operation: 'GetObject', bucket: this.#bucket, key };
    try {
      const answer = await send(details, signal, (abort) => this.#client.send(command, abort));
      return {
        body: streamedBody(answer.Body as Readable),
        etag: answer.ETag,
        size: answer.ContentLength,
        contentRange: answer.ContentRange,
        lastModified: answer.LastModified?.getTime(),
        metadata: answer.Metadata ?? {},
      };
    } finally {
      // The SDK got no further than to the signature.
      if (made !== undefined && 'response' in made) made.response.body.close();
    }
  }
}

const isGood = ({ statusCode }: Pick<HttpResponse, 'statusCode'>): boolean => statusCode === 200 || statusCode === 206;

const METADATA = 'x-amz-meta-';

/** The answer, as the SDK reads it; undefined when there is anything about it that the SDK should look at. */
function readHead(response: HttpResponse): GetAnswer | undefined {
  const { headers, body } = response;
  const { etag, 'content-length': size = '', 'content-range': contentRange, 'last-modified': modified = '' } = headers;
  const lastModified = Date.parse(modified);
  if (!isGood(response) || etag === undefined || !/^\d+$/.test(size) || Number.isNaN(lastModified)) return undefined;
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith(METADATA)) metadata[name.slice(METADATA.length)] = headers[name] ?? '';
  }
  return { body, etag, size: Number(size), contentRange, lastModified, metadata };
}
