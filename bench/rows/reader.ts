import { HttpReader } from '../http-read.ts';
import type { RunningApp, System } from '../system.ts';

const ENV = { PORT: '0', AUTH_MODE: 'none', KUBERNETES: 'off', RATE_LIMIT: 'off' };

/** Runs the work with a reader-api of its own and a client of it. */
export async function withReader<T>(
  system: System,
  work: (client: HttpReader, app: RunningApp) => Promise<T>,
): Promise<T> {
  return system.withApp('reader-api', ENV, async (app) => {
    const client = new HttpReader(app.ports['http'] ?? 0);
    try {
      return await work(client, app);
    } finally {
      client.close();
    }
  });
}
