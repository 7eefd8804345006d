import { KubeError } from '@cordwood/kube';
import type { Reading } from './reading.ts';

/** Pauses before something that did not work is tried again: longer and longer, as long as nothing works. */
export class Pauses {
  failures = 0;
  private ends = 0;
  private readonly reading: Reading;

  constructor(reading: Reading) {
    this.reading = reading;
  }

  /** It works. */
  reset(): void {
    this.failures = 0;
    this.ends = 0;
  }

  /** No shorter than Kubernetes wishes. */
  async afterFailure(error: unknown): Promise<void> {
    const wished = error instanceof KubeError ? (error.retryAfter ?? 0) * 1000 : 0;
    await this.reading.sleep(Math.max(wished, this.pause(this.failures++)));
  }

  /** A log that ended without a reason may do so again at once. */
  async afterEnd(): Promise<void> {
    await this.reading.sleep(Math.min(this.pause(this.ends++), this.reading.timing.statusInterval));
  }

  private pause(before: number): number {
    const { retryFirst, retryMost } = this.reading.timing;
    return Math.min(retryMost, retryFirst * 2 ** Math.min(before, 20));
  }
}
