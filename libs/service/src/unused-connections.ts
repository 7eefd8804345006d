import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Connections on which nothing has been asked yet: browsers and proxies open some in advance. Node's own `close` waits for them
 * as if they were at work, so the shutdown would take all the time it may. Gives a function that closes them.
 */
export function trackUnusedConnections(server: Server): () => void {
  const unused = new Set<Socket>();
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  const used = ({ socket }: IncomingMessage): void => void unused.delete(socket);
  server.on('request', used);
  // With a listener of ours alone, Node would take requests for upgrades that nobody answers.
  const onNewListener = (event: string | symbol): void => {
    if (event !== 'upgrade') return;
    server.off('newListener', onNewListener);
    server.on('upgrade', used);
  };
  server.on('newListener', onNewListener);
  return () => {
    for (const socket of unused) socket.destroy();
  };
}
