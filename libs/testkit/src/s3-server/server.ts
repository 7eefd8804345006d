import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { element, type S3Answer, writeAnswer, xml } from './answer.ts';
import { Bucket } from './bucket.ts';
import { deleteObjects, listObjects } from './buckets.ts';
import { asTaken, asTold, type ConditionHandling } from './condition-handling.ts';
import { S3Failure } from './failure.ts';
import { DiskFiles } from './files.ts';
import { copyObject, deleteObject, getObject, headObject, putObject } from './objects.ts';
import { decode, parseRequest, type S3Request } from './request.ts';
import { Uploads } from './uploads.ts';

export interface S3ServerOptions {
  /** Where objects are kept; undefined: in memory. */
  readonly dataDir?: string | undefined;
  /** The only access key that is let in. Signatures are not checked. */
  readonly accessKeyId: string;
  /** Default: `honoured`. */
  readonly conditions?: ConditionHandling | undefined;
}

/** As much of S3 as Cordwood, Fluent Bit and the Python reference use. */
export class S3Server {
  readonly http: Server;
  readonly #options: S3ServerOptions;
  readonly #buckets = new Map<string, Bucket>();
  readonly #uploads = new Uploads();

  constructor(options: S3ServerOptions) {
    this.#options = options;
    if (options.dataDir !== undefined) {
      mkdirSync(options.dataDir, { recursive: true });
      for (const name of readdirSync(options.dataDir)) this.createBucket(name);
    }
    this.http = createServer((request, response) => void this.#serve(request, response));
    // Clients keep their connections; closing them here would race with their next request.
    this.http.keepAliveTimeout = 120_000;
  }

  createBucket(name: string): void {
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
      throw new S3Failure(400, 'InvalidBucketName', 'The specified bucket is not valid.');
    }
    if (this.#buckets.has(name)) return;
    const { dataDir } = this.#options;
    this.#buckets.set(
      name,
      dataDir === undefined ? new Bucket(name) : new Bucket(name, new DiskFiles(join(dataDir, name))),
    );
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const headOnly = message.method === 'HEAD';
    response.setHeader('x-amz-request-id', randomUUID());
    const { conditions = 'honoured' } = this.#options;
    try {
      const answer = await this.#answer(parseRequest(message)).catch((error: unknown) =>
        toErrorAnswer(asTold(toFailure(error), conditions)),
      );
      await writeAnswer(response, answer, headOnly);
    } catch {
      // The connection is gone, or the answer's head is out already: the client must see a broken transfer.
      response.destroy();
    }
  }

  async #answer(sent: S3Request): Promise<S3Answer> {
    const request = asTaken(sent, this.#options.conditions ?? 'honoured');
    this.#checkAccess(request);
    if (request.bucket === '') return this.#listBuckets();
    if (request.key === '') return this.#bucketAnswer(request);
    const bucket = this.#bucket(request.bucket);
    const { query } = request;
    switch (request.method) {
      case 'GET':
        return getObject(bucket, request);
      case 'HEAD':
        return headObject(bucket, request);
      case 'PUT':
        if (query.has('uploadId')) return this.#uploads.putPart(request);
        return request.header('x-amz-copy-source') === undefined
          ? putObject(bucket, request)
          : copyObject(this.#copySource(request), bucket, request);
      case 'DELETE':
        return query.has('uploadId') ? this.#uploads.abort(request) : deleteObject(bucket, request);
      case 'POST':
        if (query.has('uploads')) return this.#uploads.create(bucket, request);
        if (query.has('uploadId')) return this.#uploads.complete(bucket, request);
    }
    throw notImplemented(request);
  }

  async #bucketAnswer(request: S3Request): Promise<S3Answer> {
    if (request.method === 'PUT') {
      this.createBucket(request.bucket);
      return { status: 200, headers: { location: `/${request.bucket}` } };
    }
    const bucket = this.#bucket(request.bucket);
    if (request.method === 'HEAD') return { status: 200, headers: { 'x-amz-bucket-region': 'us-east-1' } };
    if (request.method === 'GET') {
      return request.query.has('location') ? xml('LocationConstraint', '') : listObjects(bucket, request);
    }
    if (request.method === 'POST' && request.query.has('delete')) return deleteObjects(bucket, request);
    throw notImplemented(request);
  }

  #listBuckets(): S3Answer {
    const buckets = Array.from(this.#buckets.keys(), (name) => `<Bucket>${element('Name', name)}</Bucket>`);
    return xml('ListAllMyBucketsResult', `<Buckets>${buckets.join('')}</Buckets>`);
  }

  #copySource(request: S3Request): { bucket: Bucket; key: string } {
    const [, name = '', key = ''] = /^\/?([^/]+)\/(.+)$/s.exec(decode(request.header('x-amz-copy-source') ?? '')) ?? [];
    return { bucket: this.#bucket(name), key };
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Failure(404, 'NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  #checkAccess(request: S3Request): void {
    // A request without credentials may be curl's of somebody who looks around.
    const [, given] = /Credential=([^/]+)\//.exec(request.header('authorization') ?? '') ?? [];
    if (given !== undefined && given !== this.#options.accessKeyId) {
      throw new S3Failure(
        403,
        'InvalidAccessKeyId',
        'The AWS access key ID you provided does not exist in our records.',
      );
    }
  }
}

function notImplemented(request: S3Request): S3Failure {
  return new S3Failure(501, 'NotImplemented', `${request.method} ${request.query.toString()} is not implemented here.`);
}

function toFailure(error: unknown): S3Failure {
  if (error instanceof S3Failure) return error;
  return new S3Failure(500, 'InternalError', error instanceof Error ? error.message : String(error));
}

function toErrorAnswer({ code, message, status }: S3Failure): S3Answer {
  return xml('Error', element('Code', code) + element('Message', message), status);
}
