import { once } from 'node:events';
import { createServer } from 'node:net';

/** Chooses ports that nobody listens on, and never the same twice. */
export interface Ports {
  /** The preferred port, or the next free one after it. */
  take(preferred: number): Promise<number>;
}

/** `any`: ports by chance, instead of the preferred ones. */
export function createPorts({ any }: { readonly any: boolean }): Ports {
  const taken = new Set<number>();
  return {
    take: async (preferred) => {
      for (let port = any ? byChance() : preferred; port < 65_536; port++) {
        if (taken.has(port)) continue;
        const free = await tryPort(port);
        if (free === undefined) continue;
        taken.add(free);
        return free;
      }
      throw new Error(`no free port from ${preferred} on`);
    },
  };
}

/** Not one of those that Linux gives to outgoing connections: what is free now is to be free when it is used. */
const byChance = (): number => 10_000 + Math.floor(Math.random() * 20_000);

/** The port, when it can be had on every address and on this machine's own. */
async function tryPort(port: number): Promise<number | undefined> {
  const everywhere = await listenOnce(port);
  if (everywhere === undefined) return undefined;
  // Another's server may listen on 127.0.0.1 alone, which the first try need not notice.
  return listenOnce(everywhere, '127.0.0.1');
}

async function listenOnce(port: number, host?: string): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ port, ...(host !== undefined && { host }), exclusive: true });
    await once(server, 'listening');
    const address = server.address();
    await once(server.close(), 'close');
    return address === null || typeof address === 'string' ? undefined : address.port;
  } catch {
    return undefined;
  }
}
