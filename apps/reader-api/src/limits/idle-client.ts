import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '../errors/catalogue.ts';

/**
 * Resets the connection when bytes wait to be sent on it and the client has taken none for `timeoutMs`. A slow client is not idle, nor is one
 * for which there is nothing to send. Gives a function that stops this. `answer` is who is told of timeouts: an HTTP response, or the socket
 * itself once it is no HTTP any more.
 */
export function resetWhenIdle(
  answer: ServerResponse | Socket,
  socket: Socket,
  timeoutMs: number,
  onIdle: (error: ApiError) => void,
): () => void {
  // Node starts the time anew whenever some of what waits was taken.
  const onTimeout = () => {
    if (socket.writableLength === 0) return;
    onIdle(new ApiError('client_idle', `the client took nothing for ${timeoutMs} ms (IDLE_CLIENT_TIMEOUT)`));
    socket.resetAndDestroy();
  };
  socket.setTimeout(timeoutMs);
  answer.on('timeout', onTimeout);
  // The connection's own time limits are the server's again, which it sets when the answer is out.
  return () => {
    answer.off('timeout', onTimeout);
  };
}
