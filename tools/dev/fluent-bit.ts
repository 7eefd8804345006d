import type { ObjectStore } from '@cordwood/log-store';
import { gzipSync } from 'node:zlib';

/** A container whose log is collected. */
export interface Container {
  readonly pod: string;
  readonly namespace: string;
  readonly container: string;
  readonly containerId: string;
}

export type Stream = 'stdout' | 'stderr';

/** How the runtime cuts long lines, in characters here (in bytes there, which makes no difference to what is shown). */
const PART = 16 * 1024;

interface Buffered {
  readonly minute: string;
  readonly lines: string[];
  messages: number;
}

/** Stores log lines as Fluent Bit's S3 output does: a file per container and flush, and one counter for all of them. */
export class FluentBit {
  readonly #store: ObjectStore;
  readonly #buffers = new Map<string, Buffered & { readonly container: Container }>();
  /** Whole lines that are stored, by container name. */
  readonly #stored = new Map<string, number>();
  #index = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** A line that a container wrote. */
  write(container: Container, message: string, stream: Stream = 'stdout'): void {
    const buffer = this.#buffer(container);
    for (let start = 0; start === 0 || start < message.length; start += PART) {
      const log = message.slice(start, start + PART);
      const record = {
        time: new Date().toISOString().replace('Z', '000000Z'),
        stream,
        logtag: start + PART < message.length ? 'P' : 'F',
        log,
        kubernetes: {
          pod_name: container.pod,
          namespace_name: container.namespace,
          labels: { 'platform.apolo.us/job': container.pod },
          host: 'node-1.example.internal',
          container_name: container.container,
          docker_id: container.containerId,
        },
      };
      buffer.lines.push(`${JSON.stringify(record)}\n`);
    }
    buffer.messages++;
  }

  /** Uploads what is buffered. What cannot be stored is kept, and goes with the next flush. */
  async flush(): Promise<void> {
    for (const [id, buffer] of [...this.#buffers]) {
      this.#buffers.delete(id);
      const { pod, namespace, container, containerId } = buffer.container;
      const index = this.#index++;
      const key = `kube.var.log.containers.${pod}_${namespace}_${container}-${containerId}.log/${buffer.minute}__${index}.gz`;
      const text = Buffer.from(buffer.lines.join(''));
      try {
        // The name says gzip in any case; a few really are.
        await this.#store.put(key, index % 4 === 3 ? gzipSync(text) : text);
      } catch (error) {
        const since = this.#buffers.get(id);
        this.#buffers.set(id, {
          ...buffer,
          lines: [...buffer.lines, ...(since?.lines ?? [])],
          messages: buffer.messages + (since?.messages ?? 0),
        });
        throw error;
      }
      const name = `${pod}/${container}`;
      this.#stored.set(name, (this.#stored.get(name) ?? 0) + buffer.messages);
    }
  }

  /** Whole lines stored so far, by `pod/container`. */
  get stored(): ReadonlyMap<string, number> {
    return this.#stored;
  }

  #buffer(container: Container): Buffered {
    const present = this.#buffers.get(container.containerId);
    if (present !== undefined) return present;
    const minute = new Date().toISOString().replace(/[-T:]/g, '').slice(0, 12);
    const buffer = { container, minute, lines: [], messages: 0 };
    this.#buffers.set(container.containerId, buffer);
    return buffer;
  }
}
