import type { TimeReader } from '@cordwood/log-record';

/** How a kubelet's messages begin that it sends in the place of a log: with status 200, when it began to answer before it knew. */
const BEGINNINGS = [
  'rpc error: code = ',
  'an error occurred when try to find container ',
  'unable to retrieve container logs for ',
  'failed to try resolving symlinks in path ',
  'failed to open log file ',
  'failed to tail ',
  'failed to seek ',
  'failed to reset seek in log file ',
  'failed to read log file ',
  'failed to create fsnotify watcher: ',
  'failed to watch directory ',
  'failed to get parse function: ',
];

/** Longer than any such message (paths of log files are 500 bytes at most). */
export const MAX_KUBELET_ERROR = 4096;

/** Whether a whole text is a kubelet's message that there is no log. */
export const isKubeletError = (text: string): boolean =>
  text.length <= MAX_KUBELET_ERROR && BEGINNINGS.some((beginning) => text.startsWith(beginning));

/** Whether a text that begins like this may be a kubelet's message. */
const mayBeKubeletError = (text: string): boolean =>
  BEGINNINGS.some((beginning) => beginning.startsWith(text.slice(0, beginning.length)));

const NEWLINE = 0x0a;
/** No time that Kubernetes writes is longer. */
export const MAX_TIME = 40;

/**
 * The index of the blank after the time that a line begins with, which `times` then holds; -1 when it begins with none. `end`: the
 * line's.
 */
export function endOfTime(bytes: Uint8Array, start: number, end: number, times: TimeReader): number {
  const limit = Math.min(end, start + MAX_TIME + 1);
  for (let at = start; at < limit; at++) {
    if (bytes[at] === 0x20) return times.read(bytes, start, at) ? at : -1;
  }
  return -1;
}

/**
 * Looks at the beginning of a body until it is clear whether it is a log. Logs pass after a few bytes; only what may be a kubelet's
 * message is kept back, and that is short and whole, since the kubelet ends its answer with it. What an application wrote passes even
 * when it reads the same: with timestamps its lines begin with a time, without them they end in a newline, which messages do not.
 */
export class KubeletErrorDetector {
  private readonly timestamps: boolean;

  constructor(timestamps: boolean) {
    this.timestamps = timestamps;
  }

  /** For the beginning of a body, as far as it has come: whether more must come before it can be told apart. */
  undecided(head: Uint8Array): boolean {
    if (head.length > MAX_KUBELET_ERROR) return false;
    if (head.includes(NEWLINE) && (!this.timestamps || !head.subarray(0, -1).every((byte) => byte !== NEWLINE)))
      return false;
    return mayBeKubeletError(Buffer.from(head).toString('utf8'));
  }

  /** For a whole body that was undecided to its end. */
  isError(body: Uint8Array): boolean {
    return isKubeletError(Buffer.from(body).toString('utf8'));
  }
}
