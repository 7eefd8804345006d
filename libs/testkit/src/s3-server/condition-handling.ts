import { S3Failure } from './failure.ts';
import type { S3Request } from './request.ts';

/**
 * How a server treats conditions. `honoured`: as AWS does. `409-when-lost`: honoured, and what does not hold is answered 409 in place
 * of 412. `ignored`: as if they had not been sent, those of reads and deletes included. `409` and `501`: the answer to every write
 * that has one.
 */
export type ConditionHandling = 'honoured' | '409-when-lost' | 'ignored' | '409' | '501';

const HEADERS = ['if-match', 'if-none-match', 'x-amz-copy-source-if-match'];

/** The request as a server of that kind takes it. @throws S3Failure when it refuses it */
export function asTaken(request: S3Request, conditions: ConditionHandling): S3Request {
  if (conditions === 'honoured' || conditions === '409-when-lost') return request;
  if (conditions === 'ignored') {
    return {
      ...request,
      header: (name) => (HEADERS.includes(name) ? undefined : request.header(name)),
      body: async () => (request.query.has('delete') ? withoutETags(await request.body()) : request.body()),
    };
  }
  const isWrite = request.method === 'PUT' || request.method === 'DELETE';
  if (!isWrite || HEADERS.every((name) => request.header(name) === undefined)) return request;
  throw conditions === '409'
    ? new S3Failure(409, 'OperationAborted', 'A conflicting conditional operation is in progress.')
    : new S3Failure(501, 'NotImplemented', 'A header you provided implies functionality that is not implemented.');
}

/** The failure as a server of that kind tells it. */
export function asTold(failure: S3Failure, conditions: ConditionHandling): S3Failure {
  if (conditions !== '409-when-lost' || failure.status !== 412) return failure;
  return new S3Failure(409, 'ConditionalRequestConflict', failure.message);
}

function withoutETags(document: Buffer): Buffer {
  return Buffer.from(document.toString('utf8').replace(/<ETag>.*?<\/ETag>/gs, ''));
}
