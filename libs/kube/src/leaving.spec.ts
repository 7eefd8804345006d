import { type KubeApiDouble, startKubeApi } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Kube } from './index.ts';
import { openCluster, type SpecCluster } from './spec-support.ts';

let cluster: SpecCluster<KubeApiDouble>;
let api: KubeApiDouble;
let kube: Kube;
beforeAll(async () => {
  cluster = await openCluster(await startKubeApi());
  ({ api, kube } = cluster);
});
afterAll(() => cluster.close());

/** Ways to leave a log whose end has arrived, but has not been read. */
const LEAVING: Record<string, (log: AsyncIterator<Uint8Array>, controller: AbortController) => Promise<unknown>> = {
  'abort, then return': async (log, controller) => {
    controller.abort(new Error('left'));
    return log.return?.();
  },
  'return, then abort': async (log, controller) => {
    const returned = log.return?.();
    controller.abort(new Error('left'));
    return returned;
  },
  'abort while waiting': async (log, controller) => {
    const next = log.next();
    controller.abort(new Error('left'));
    return next;
  },
};

// An error that nobody hears would end the process: here it fails the test.
test.each(Object.keys(LEAVING))('who leaves just as a log ends does no harm: %s', async (how) => {
  const pod = api.createPod({ name: `job-${how.replaceAll(/\W+/g, '-')}` });
  pod.container().write('line');
  pod.container().terminate(0);
  for (let i = 0; i < 20; i++) {
    const controller = new AbortController();
    const log = await kube.log({
      namespace: pod.namespace,
      pod: pod.name,
      container: pod.name,
      timestamps: true,
      signal: controller.signal,
    });
    const chunks = log[Symbol.asyncIterator]();
    await chunks.next();
    await LEAVING[how]?.(chunks, controller).catch(() => undefined);
    expect((await kube.pod(pod.namespace, pod.name))?.finished).toBe(true);
  }
});
