import type { Kube } from '@cordwood/kube';
import type { CheckDetails, Health } from '@cordwood/service';

/**
 * Tells in `/readyz` whether there are live logs. Never a reason to get no requests: the archive can be read without Kubernetes. It is asked in
 * the background, so that a probe does not wait for it.
 */
export function addKubeHealth(health: Health, kube: Kube | undefined): void {
  let details: CheckDetails =
    kube === undefined ? { liveLogs: false, reason: 'KUBERNETES is off, or tells no cluster' } : { liveLogs: true };
  const ask = async (): Promise<void> => {
    try {
      await kube?.check();
      details = { liveLogs: true };
    } catch (error) {
      details = { liveLogs: false, reason: error instanceof Error ? error.message : String(error) };
    }
  };
  let asking: Promise<void> | undefined;
  health.addReadiness(
    'kubernetes',
    async (signal) => {
      if (kube === undefined) return;
      asking ??= ask().finally(() => (asking = undefined));
      // What takes too long is told the next time.
      await Promise.race([asking, new Promise((resolve) => setTimeout(resolve, PATIENCE)), once(signal)]);
    },
    { details: () => details },
  );
}

/** In ms. */
const PATIENCE = 1_000;

const once = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
