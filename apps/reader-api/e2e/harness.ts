import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  type AppProcess,
  eventually,
  type FluentBitScenario,
  type ReferenceBucket,
  startTestSystem,
  type TestSystem,
} from '@cordwood/testkit';

/** reader-api as a process of its own, and its bucket. Tests see it through HTTP, S3 and its log only. */
export interface Reader {
  readonly system: TestSystem;
  readonly app: AppProcess;
  readonly url: string;
  /** GET, unless `init` says otherwise. */
  get(path: string, init?: RequestInit): Promise<Response>;
  text(path: string): Promise<string>;
  bytes(path: string): Promise<Buffer>;
  /** The sum of the samples of a metric with these labels. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

export async function startReader(system: TestSystem, env: Readonly<Record<string, string>> = {}): Promise<Reader> {
  const app = await system.start('reader-api', { PORT: '0', ...env });
  const { ports } = (await app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
  const url = `http://127.0.0.1:${ports.http}`;
  const get = (path: string, init?: RequestInit) => fetch(url + path, init);
  const bytes = async (path: string) => {
    const response = await get(path);
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${body.toString()}`);
    return body;
  };
  return {
    system,
    app,
    url,
    get,
    bytes,
    text: async (path) => (await bytes(path)).toString(),
    metric: async (name, labels = {}) => {
      const samples = (await (await get('/metrics')).text()).split('\n').filter((line) => line.startsWith(`${name}{`));
      const wanted = samples.filter((line) =>
        Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)),
      );
      return wanted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
  };
}

export async function startSystemAndReader(env: Readonly<Record<string, string>> = {}): Promise<Reader> {
  const system = await startTestSystem();
  return startReader(system, env);
}

/** Puts everything that Fluent Bit uploaded, in order of arrival. */
export async function fill(system: TestSystem, bucket: FluentBitScenario | ReferenceBucket): Promise<void> {
  const objects = 'uploads' in bucket ? bucket.uploads : bucket.objects;
  for (const { key, body, contentType } of objects) {
    await system.store.put(key, body, contentType === undefined ? {} : { contentType });
  }
}

/** Resolves when no log is being sent: clients know of their stream's end before the server does. */
export const noStreamIsOpen = (reader: Reader): Promise<unknown> =>
  eventually('no stream is open', async () => (await reader.metric('cordwood_http_open_streams')) === 0);

export const logPath = (job: string, parameters: Readonly<Record<string, string>> = {}): string =>
  `/api/v1/jobs/${job}/log?${new URLSearchParams(parameters).toString()}`;

/** An error's status and code, after the checks that hold for every error. */
export async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  const { error, ...rest } = (await response.json()) as { error: { code: string; message: string } };
  const { code, message, ...more } = error;
  const odd = [
    ...Object.keys({ ...rest, ...more }),
    ...(response.headers.get('content-type') === 'application/json; charset=utf-8' ? [] : ['content-type']),
    ...(/^cordwood\/\d/.test(response.headers.get('x-service-version') ?? '') ? [] : ['x-service-version']),
    // A stack trace.
    ...(/\n\s+at /.test(message) ? ['stack'] : []),
  ];
  if (odd.length > 0) throw new Error(`not the form of an error: ${odd.join(', ')}`);
  return { status: response.status, code, message };
}

export interface MergedLog {
  readonly pod: string;
  readonly namespace?: string;
  readonly container?: string;
  readonly containerId?: string;
  /** Messages by file. */
  readonly files: readonly (readonly string[])[];
}

/** Stores a log as it is when everything of it has been merged; gives the keys of its files. */
export async function putMerged(system: TestSystem, log: MergedLog): Promise<string[]> {
  const { pod, namespace = 'jobs', container = pod, containerId = 'c0ffee', files } = log;
  let line = 0;
  const entries = [];
  for (const [index, messages] of files.entries()) {
    const times: string[] = [];
    const text = messages.map((message) => {
      const time = new Date(Date.UTC(2026, 10, 20, 10) + line++).toISOString().replace('Z', '000000Z');
      times.push(time);
      return `${JSON.stringify({ time, log: message })}\n`;
    });
    const body = Buffer.from(text.join(''));
    const key = `data/${pod}/${containerId}/202611201100_${index}.gz`;
    const { etag } = await system.store.put(key, gzipSync(body, { level: 1 }));
    entries.push({
      key,
      etag,
      records_count: messages.length,
      size: body.length,
      first_record_time: times[0],
      last_record_time: times.at(-1),
      order_time: times[0],
      end_order_time: times.at(-1),
      namespace,
      container,
      container_id: containerId,
    });
  }
  await system.store.put(
    `metadata/${pod}.json`,
    Buffer.from(JSON.stringify({ version: 2, commit_id: 'test', log_files: entries })),
  );
  return entries.map(({ key }) => key);
}

/** Passes connections on, and counts those that are open. */
export async function startCountingProxy(target: string) {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), hostname);
    open.add(incoming);
    const end = () => {
      open.delete(incoming);
      incoming.destroy();
      outgoing.destroy();
    };
    for (const socket of [incoming, outgoing]) socket.on('error', end).on('close', end);
    incoming.pipe(outgoing).pipe(incoming);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => open.size,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
