import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A relay on 127.0.0.1 to an HTTP server, through which everything that clients send takes so much longer. */
export interface LatencyProxy {
  readonly endpoint: string;
  /** The most connections that were open at the same time. */
  readonly mostConnections: () => number;
  stop(): Promise<void>;
}

/** Whether a proxy can stand before the target: it takes http alone, not https. */
export const canBeDelayed = (target: string): boolean => new URL(target).protocol === 'http:';

/**
 * It works on connections, so it costs next to nothing: a request that is sent without waiting for the server in between arrives `ms`
 * later, and its answer comes at once. @throws Error when the target is not http
 */
export async function startLatencyProxy(target: string, ms: number): Promise<LatencyProxy> {
  if (!canBeDelayed(target)) throw new Error(`only http can be delayed, not ${target}`);
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let most = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port || 80), hostname);
    open.add(client);
    most = Math.max(most, open.size);
    client.setNoDelay();
    upstream.setNoDelay();
    client.on('data', (bytes) => setTimeout(() => upstream.write(bytes), ms));
    upstream.pipe(client);
    const end = (): void => {
      open.delete(client);
      client.destroy();
      upstream.destroy();
    };
    client.once('close', end).once('error', end);
    upstream.once('close', end).once('error', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mostConnections: () => most,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
