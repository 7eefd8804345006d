import { compareInstants, type Instant } from '@cordwood/log-record';
import type { LogFile, WrittenLine } from './log-file.ts';

/** How a kubelet is to give a log. */
export interface KubeletLogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly since: Instant | undefined;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly signal: AbortSignal;
}

const NEWLINE = Buffer.from('\n');
/** Lines are sent in pieces of about so many bytes. */
const PIECE = 32 * 1024;

/**
 * A log as the kubelet of Kubernetes 1.32 reads it from its file: line by line of the *file*, so that `tailLines` and `since` count parts
 * of a cut line one by one, whatever their stream, and only what follows the end of a line gets a time.
 */
export async function* kubeletLog(start: LogFile, options: KubeletLogOptions): AsyncGenerator<Buffer> {
  const { follow, timestamps, since, tailLines, signal } = options;
  let file = start;
  let at = tailLines === undefined ? 0 : Math.max(0, file.lines.length - tailLines);
  let remaining = options.limitBytes ?? Infinity;
  let lineStart = true;
  // Without follow the log is what is there now.
  const end = follow ? Infinity : file.lines.length;

  const piece = (): Buffer => {
    const parts: Buffer[] = [];
    let length = 0;
    for (; at < Math.min(end, file.lines.length) && length < PIECE; at++) {
      const line = file.lines[at];
      if (line === undefined) break;
      const partial = line.logtag === 'P';
      if (since === undefined || compareInstants(line.instant, since) >= 0) {
        if (timestamps && lineStart) parts.push(Buffer.from(`${kubeletTime(line)} `));
        parts.push(line.message);
        if (!partial) parts.push(NEWLINE);
        length += line.message.length + 1;
      }
      // As in the kubelet: of what is left out, too, so the rest of a line whose first part is too old comes without any time;
      // and a part without any text looks like the end of a line to it.
      lineStart = !partial || line.message.length === 0;
    }
    return Buffer.concat(parts);
  };

  while (!signal.aborted) {
    if (follow && file.skipped && file.successor !== undefined) {
      file = file.successor;
      at = 0;
      continue;
    }
    const bytes = piece().subarray(0, remaining === Infinity ? undefined : remaining);
    if (bytes.length > 0) {
      yield bytes;
      remaining -= bytes.length;
      if (remaining <= 0) return;
    } else if (at < Math.min(end, file.lines.length)) continue;
    else if (!follow) return;
    else if (file.successor !== undefined) {
      if (file.closed) return;
      file = file.successor;
      at = 0;
    } else if (file.ended) return;
    else await file.changed(signal);
  }
}

/** The time as the kubelet writes it: nine digits, the zone of the line. */
function kubeletTime({ time }: WrittenLine): string {
  const [, whole = '', fraction = '', zone = 'Z'] = /^([^.Z+]*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  return `${whole}.${fraction.slice(0, 9).padEnd(9, '0')}${zone}`;
}
