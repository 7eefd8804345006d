import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { productVersion } from '@cordwood/service';
import { ApiError, type ErrorCode } from '../errors/catalogue.ts';

/** What Node tells of requests that it could not take, by its codes; all else is malformed. */
const REFUSALS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'the request line and headers are larger than MAX_HEADER_SIZE'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'the request did not arrive in time'],
};
const MALFORMED = ['malformed_request', 'the request is not HTTP/1.1 that can be understood'] as const;

/** Answers what is no HTTP in the form of all other errors, where Node itself would answer with a bare status line. */
export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Something else has been answered on this connection, or nobody is there any more.
    if (!socket.writable || socket.bytesWritten > 0 || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const refusal = new ApiError(...(REFUSALS[error.code ?? ''] ?? MALFORMED));
    const { status } = refusal;
    const body = `${JSON.stringify(refusal.body)}\n`;
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Service-Version: ${productVersion}`,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}
