import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type S3Client } from '@aws-sdk/client-s3';
import type { ListOptions, ListPage, ObjectInfo } from './object-store.ts';
import { send, stripQuotes } from './s3-send.ts';

/** The pages of a listing, each requested when it is asked for. */
export async function* listPages(client: S3Client, bucket: string, options: ListOptions): AsyncGenerator<ListPage> {
  const { prefix, delimiter, startAfter, pageSize, signal } = options;
  let token: string | undefined;
  do {
    const input = {
      Bucket: bucket,
      Prefix: prefix,
      // XML cannot hold every character that a key may.
      EncodingType: 'url' as const,
      ...(delimiter !== undefined && { Delimiter: delimiter }),
      ...(startAfter !== undefined && { StartAfter: startAfter }),
      ...(pageSize !== undefined && { MaxKeys: pageSize }),
      ...(token !== undefined && { ContinuationToken: token }),
    };
    const answer: ListObjectsV2CommandOutput = await send(
      { operation: 'ListObjectsV2', bucket, key: prefix },
      signal,
      (abort) => client.send(new ListObjectsV2Command(input), abort),
    );
    yield toPage(answer);
    token = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
  } while (token !== undefined);
}

function toPage(answer: ListObjectsV2CommandOutput): ListPage {
  const decode = answer.EncodingType === 'url' ? decodeKey : (key: string) => key;
  const objects = (answer.Contents ?? []).map((object): ObjectInfo => ({
    key: decode(object.Key ?? ''),
    etag: stripQuotes(object.ETag ?? ''),
    size: object.Size ?? 0,
    lastModified: object.LastModified?.getTime() ?? 0,
  }));
  return { objects, prefixes: (answer.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix ?? '')) };
}

/** AWS writes a space as `+`, a plus as `%2B`. */
function decodeKey(encoded: string): string {
  return decodeURIComponent(encoded.replaceAll('+', ' '));
}
