import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports below those that Linux gives to whoever asks for any, and to every outgoing connection: so nobody has one by chance between our
 * finding it and its use, nor while a server that is to have it again is away.
 */
const FIRST = 10_000;
const LAST = 32_767;

/** A TCP port that is free now, and that only another call of this may give to somebody else. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (await isFree(port)) return port;
  }
  throw new Error('no free port');
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  await once(probe.close(), 'close');
  return true;
}
