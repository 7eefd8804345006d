import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { ListOptions, ListPage } from './object-store.ts';
import type { ObservedClient } from './s3-client.ts';
import { DirectOperation } from './s3-direct.ts';
import { type ListDocument, readListDocument } from './s3-list-document.ts';
import { stripQuotes } from './s3-send.ts';

/** Listings of a bucket, past the SDK where all is well. */
export class DirectList {
  readonly #operation: DirectOperation;
  readonly #bucket: string;

  constructor(client: ObservedClient, bucket: string) {
    this.#operation = new DirectOperation(client, { whole: true });
    this.#bucket = bucket;
  }

  /** The pages of a listing, each requested when it is asked for. Throws StoreErrors, or the signal's reason. */
  async *pages(options: ListOptions): AsyncGenerator<ListPage> {
    let token: string | undefined;
    do {
      const document = await this.#page(options, token);
      yield toPage(document);
      token = document.isTruncated ? document.nextToken : undefined;
    } while (token !== undefined);
  }

  #page(options: ListOptions, token: string | undefined): Promise<ListDocument> {
    const { prefix, delimiter, startAfter, pageSize, signal } = options;
    return this.#operation.send({
      failed: { operation: 'ListObjectsV2', bucket: this.#bucket, key: prefix },
      request: {
        query: {
          'list-type': '2',
          prefix,
          'encoding-type': 'url',
          ...(delimiter !== undefined && { delimiter }),
          ...(startAfter !== undefined && { 'start-after': startAfter }),
          ...(pageSize !== undefined && { 'max-keys': pageSize.toString() }),
          ...(token !== undefined && { 'continuation-token': token }),
        },
      },
      command: () =>
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: prefix,
          // XML cannot hold every character that a key may.
          EncodingType: 'url',
          ...(delimiter !== undefined && { Delimiter: delimiter }),
          ...(startAfter !== undefined && { StartAfter: startAfter }),
          ...(pageSize !== undefined && { MaxKeys: pageSize }),
          ...(token !== undefined && { ContinuationToken: token }),
        }),
      read: ({ statusCode, bytes }) =>
        statusCode === 200 && bytes !== undefined ? readListDocument(Buffer.from(bytes).toString('utf8')) : undefined,
      fromSdk: documentOf,
      signal,
    });
  }
}

/** What the SDK has read. */
export function documentOf(answer: ListObjectsV2CommandOutput): ListDocument {
  return {
    objects: (answer.Contents ?? []).map(({ Key, ETag, Size, LastModified }) => ({
      key: Key ?? '',
      etag: ETag ?? '',
      size: Size ?? 0,
      lastModified: LastModified?.getTime() ?? 0,
    })),
    prefixes: (answer.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
    isUrlEncoded: answer.EncodingType === 'url',
    isTruncated: answer.IsTruncated === true,
    nextToken: answer.NextContinuationToken,
  };
}

function toPage({ objects, prefixes, isUrlEncoded }: ListDocument): ListPage {
  const decode = isUrlEncoded ? decodeKey : (key: string) => key;
  return {
    objects: objects.map(({ key, etag, size, lastModified }) => ({
      key: decode(key),
      etag: stripQuotes(etag),
      size,
      lastModified,
    })),
    prefixes: prefixes.map(decode),
  };
}

/** AWS writes a space as `+`, a plus as `%2B`. */
function decodeKey(encoded: string): string {
  return decodeURIComponent(encoded.replaceAll('+', ' '));
}
