import { type LogRecord, maxMessageLength, writeMessage, writeTime } from '@cordwood/log-record';
import { createKube, type KubeClient, type KubeOptions, loadKubeConfig } from './index.ts';

/** The double of testkit, as far as it is used here. */
interface Api {
  kubeconfig(): Promise<string>;
  stop(): Promise<void>;
}

/** A Kubernetes API, and a client for it. */
export interface SpecCluster<A extends Api> {
  readonly api: A;
  readonly kube: KubeClient;
  close(): Promise<void>;
}

export async function openCluster<A extends Api>(api: A, options: KubeOptions = {}): Promise<SpecCluster<A>> {
  const config = loadKubeConfig({ mode: 'kubeconfig', env: { KUBECONFIG: await api.kubeconfig() } });
  if (config === undefined) throw new Error('no config');
  const kube = createKube(config, options);
  return {
    api,
    kube,
    close: async () => {
      kube.close();
      await api.stop();
    },
  };
}

/** All of a log as text. */
export async function textOf(log: AsyncIterable<Uint8Array>): Promise<string> {
  const all = gather(log);
  await all.over;
  return all.text;
}

/** Takes a log in as it comes. */
export function gather(log: AsyncIterable<Uint8Array>): { readonly text: string; readonly over: Promise<void> } {
  const decoder = new TextDecoder();
  const gathered = { text: '', over: Promise.resolve() };
  gathered.over = (async () => {
    for await (const chunk of log) gathered.text += decoder.decode(chunk, { stream: true });
    gathered.text += decoder.decode();
  })();
  // Whoever wants to know waits for it; it must not end the process before.
  gathered.over.catch(() => undefined);
  return gathered;
}

/** A record as `time message`, both as they are shown. */
export function shown(record: LogRecord): string {
  const target = Buffer.alloc(record.timeEnd - record.timeStart + 1 + maxMessageLength(record));
  let end = writeTime(record, target, 0);
  target[end++] = 0x20;
  end = writeMessage(record, target, end);
  return target.subarray(0, end).toString('utf8');
}

/** What a promise is rejected with; undefined when it is not. */
export const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
