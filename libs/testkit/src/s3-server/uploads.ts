import { createHash, randomUUID } from 'node:crypto';
import { element, type S3Answer, textsOf, xml } from './answer.ts';
import type { Bucket, ObjectHead } from './bucket.ts';
import { S3Failure } from './failure.ts';
import { givenHeaders, writeConditions } from './objects.ts';
import type { S3Request } from './request.ts';

interface Upload extends Pick<ObjectHead, 'key' | 'headers' | 'metadata'> {
  readonly parts: Map<number, { readonly body: Buffer; readonly md5: Buffer }>;
}

/** Multipart uploads in progress: Fluent Bit makes them by default. They live in memory only, until completed. */
export class Uploads {
  readonly #uploads = new Map<string, Upload>();

  create(bucket: Bucket, request: S3Request): S3Answer {
    const id = randomUUID();
    this.#uploads.set(id, { key: request.key, ...givenHeaders(request), parts: new Map() });
    return xml(
      'InitiateMultipartUploadResult',
      element('Bucket', bucket.name) + element('Key', request.key) + element('UploadId', id),
    );
  }

  async putPart(request: S3Request): Promise<S3Answer> {
    const { upload } = this.#find(request);
    const body = await request.body();
    const md5 = createHash('md5').update(body).digest();
    upload.parts.set(Number(request.query.get('partNumber')), { body, md5 });
    return { status: 200, headers: { etag: `"${md5.toString('hex')}"` } };
  }

  async complete(bucket: Bucket, request: S3Request): Promise<S3Answer> {
    const { id, upload } = this.#find(request);
    const document = (await request.body()).toString('utf8');
    const parts = textsOf(document, 'PartNumber').map((number) => {
      const part = upload.parts.get(Number(number));
      if (part === undefined) throw new S3Failure(400, 'InvalidPart', `There is no part ${number}.`);
      return part;
    });
    const md5 = createHash('md5')
      .update(Buffer.concat(parts.map((part) => part.md5)))
      .digest('hex');
    const { key, headers, metadata } = upload;
    const body = Buffer.concat(parts.map((part) => part.body));
    const head = await bucket.put(
      { key, headers, metadata, body, etag: `${md5}-${parts.length}` },
      writeConditions(request),
    );
    this.#uploads.delete(id);
    return xml(
      'CompleteMultipartUploadResult',
      element('Bucket', bucket.name) + element('Key', key) + element('ETag', `"${head.etag}"`),
    );
  }

  abort(request: S3Request): S3Answer {
    this.#uploads.delete(this.#find(request).id);
    return { status: 204 };
  }

  #find(request: S3Request): { id: string; upload: Upload } {
    const id = request.query.get('uploadId') ?? '';
    const upload = this.#uploads.get(id);
    if (upload?.key !== request.key) throw new S3Failure(404, 'NoSuchUpload', 'The specified upload does not exist.');
    return { id, upload };
  }
}
