import type { ObjectStore } from '@cordwood/log-store';
import { formatRawKey } from '@cordwood/s3-key-format';
import type { InstanceIdentity } from './container.ts';
import type { WrittenLine } from './log-file.ts';

export interface FluentBitUploadOptions {
  /** In the key; one number per upload, as Fluent Bit counts. */
  readonly index: number;
  /** `YYYYMMDDHHmm` in the key. Default: the minute of the last line. */
  readonly date?: string;
}

/** A line as Fluent Bit writes it. */
export const fluentBitLine = ({ time, stream, logtag, message }: WrittenLine): string =>
  `${JSON.stringify({ time, stream, logtag, log: message.toString('utf8') })}\n`;

/** Uploads lines of a container's log file as Fluent Bit would, as one raw object; gives its key. */
export async function fluentBitUpload(
  store: ObjectStore,
  instance: InstanceIdentity,
  lines: readonly WrittenLine[],
  options: FluentBitUploadOptions,
): Promise<string> {
  const last = lines.at(-1);
  const minute = new Date((last?.instant.seconds ?? 0) * 1000).toISOString().replace(/[-T:]/g, '').slice(0, 12);
  const key = formatRawKey({
    pod: instance.pod,
    namespace: instance.namespace,
    container: instance.container,
    containerId: instance.containerId,
    date: options.date ?? minute,
    index: String(options.index),
    separator: '__',
    logSuffix: true,
  });
  await store.put(key, Buffer.from(lines.map(fluentBitLine).join('')));
  return key;
}
