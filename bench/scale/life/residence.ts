import type { ObjectInfo } from '@cordwood/log-store';
import { areaOf } from '../store/usage.ts';

/** How long bytes and objects lay in a bucket. */
export interface Residence {
  /** Bytes times ms. */
  readonly rawByteMs: number;
  readonly keptByteMs: number;
  /** Ms in which there was any raw object. */
  readonly rawMs: number;
  /** Ms in which the pod had metadata. */
  readonly metadataMs: number;
}

/** Adds up what lies in a bucket over time; to be told before everything that changes it. */
export class ResidenceMeter {
  private since: number | undefined;
  private sum: Residence = { rawByteMs: 0, keptByteMs: 0, rawMs: 0, metadataMs: 0 };

  /** What there has been since the last time, at `now` (ms). */
  note(objects: ReadonlyMap<string, ObjectInfo>, now: number): void {
    const ms = now - (this.since ?? now);
    this.since = now;
    if (ms === 0) return;
    let rawBytes = 0;
    let keptBytes = 0;
    let hasMetadata = false;
    for (const { key, size } of objects.values()) {
      const area = areaOf(key);
      if (area === 'raw') rawBytes += size;
      else keptBytes += size;
      hasMetadata ||= area === 'metadata';
    }
    this.sum = {
      rawByteMs: this.sum.rawByteMs + rawBytes * ms,
      keptByteMs: this.sum.keptByteMs + keptBytes * ms,
      rawMs: this.sum.rawMs + (rawBytes > 0 ? ms : 0),
      metadataMs: this.sum.metadataMs + (hasMetadata ? ms : 0),
    };
  }

  get total(): Residence {
    return this.sum;
  }
}
