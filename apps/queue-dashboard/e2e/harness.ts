import { type AppProcess, eventually, putRaw, startTestSystem, type TestSystem } from '@cordwood/testkit';

/** queue-dashboard as a process of its own. Tests see it through HTTP and its log only. */
export interface Dashboard {
  readonly app: AppProcess;
  /** With BASE_PATH, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** The state of a job, as the board tells it; undefined: there is none. */
  stateOf(queue: string, job: string): Promise<string | undefined>;
}

export async function startDashboard(
  system: TestSystem,
  env: Readonly<Record<string, string>> = {},
): Promise<Dashboard> {
  const app = await system.start('queue-dashboard', { PORT: '0', ...env });
  const { ports } = (await app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
  const url = `http://127.0.0.1:${ports.http}${env['BASE_PATH'] ?? ''}`;
  const request = (path: string, init?: RequestInit) => fetch(url + path, { redirect: 'manual', ...init });
  return {
    app,
    url,
    port: ports.http,
    request,
    stateOf: async (queue, job) => {
      const response = await request(`/api/queues/${queue}/${job}`);
      if (!response.ok) return undefined;
      return ((await response.json()) as { readonly status: string }).status;
    },
  };
}

/** Queues with something to see: `fine` is merged, `poison` failed for good, as its metadata cannot be read. */
export async function startTroubledSystem(): Promise<TestSystem> {
  const system = await startTestSystem();
  await breakPod(system, 'poison');
  await putRaw(system.store, { pod: 'fine', index: 1, messages: ['one', 'two'] });
  // So rarely that what failed is left for people to look at.
  const compactor = await system.start('compactor-worker', { COMPACTION_INTERVAL: '1h' });
  await compactor.line('pod compacted', ({ pod }) => pod === 'fine');
  await compactor.line('bucket scanned', ({ blocked }) => blocked === 1);
  return system;
}

const metadataOf = (pod: string) => `metadata/${pod}.json`;

export async function breakPod(system: TestSystem, pod: string): Promise<void> {
  await system.store.put(metadataOf(pod), Buffer.from('{"version":2,'));
  await putRaw(system.store, { pod, index: 0, messages: ['kept'] });
}

/** Now its job can be done. */
export async function mendPod(system: TestSystem, pod: string): Promise<void> {
  await system.store.deleteMany([{ key: metadataOf(pod) }]);
}

/** Waits until the pod's job has failed for good. */
export async function untilFailed(dashboard: Dashboard, pod: string): Promise<void> {
  await eventually(`${pod} failed`, async () => (await dashboard.stateOf('compaction', `compact-${pod}`)) === 'failed');
}

export const basic = (user: string, password: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
