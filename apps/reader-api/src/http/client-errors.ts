import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { productVersion } from '@cordwood/service';
import { ApiError } from '../errors/catalogue.ts';

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers what is no HTTP in the form of all other errors, where Node itself would answer with a bare status line. */
export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Something else has been answered on this connection, or nobody is there any more.
    if (!socket.writable || socket.bytesWritten > 0 || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const refusal = new ApiError('malformed_request', 'the request is not HTTP/1.1 that can be understood');
    const status = STATUS[error.code ?? ''] ?? refusal.status;
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
