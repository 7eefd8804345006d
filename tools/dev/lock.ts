import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type Server, createConnection, createServer } from 'node:net';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';

/** Only one development stack per data folder. */
export interface Lock {
  /** What a second one is told. */
  describe(text: string): void;
  release(): Promise<void>;
}

/** The lock, or what the stack that holds it says of itself. It is a socket: whoever dies lets go of it. */
export async function takeLock(dataDir: string): Promise<Lock | { readonly heldBy: string }> {
  // Relative, because the path of a socket may have no more than about 100 characters.
  const path = relative(process.cwd(), join(dataDir, 'lock'));
  const heldBy = await askHolder(path);
  if (heldBy !== undefined) return { heldBy };
  await rm(path, { force: true });
  let description = `process ${process.pid}`;
  const server: Server = createServer((socket) => socket.on('error', () => undefined).end(description));
  await once(server.listen(path), 'listening');
  server.unref();
  return {
    describe: (text) => void (description = text),
    release: async () => {
      server.close();
      await rm(path, { force: true });
    },
  };
}

async function askHolder(path: string): Promise<string | undefined> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    return await text(socket);
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
