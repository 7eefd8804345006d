import type { Kube } from '@cordwood/kube';
import type { LogReader } from '@cordwood/log-store';
import type { Clock } from './clock.ts';

/** All in ms. */
export interface Timing {
  /** How often the archive is looked at while more of it is waited for. */
  readonly lookInterval: number;
  /** How often a pod's status is looked at while it is followed, and how old a look may be to be shared. */
  readonly statusInterval: number;
  readonly statusAge: number;
  /** How far a pod's status may be behind what its kubelet serves. */
  readonly statusLag: number;
  /** How long after a line was written it may take to come to the archive; what is not there then is given up. */
  readonly archiveWait: number;
  /** Somebody who does not follow waits for the archive no longer than this. */
  readonly waitOnce: number;
  /** What is younger than the archive's end by less than this is taken from Kubernetes, since files may be late. */
  readonly archiveMargin: number;
  /** How far a container's clock may step back without a line being lost or shown twice. */
  readonly stepBack: number;
  /**
   * A container's first line within this time after its start was the first one, and so was the first one of a log that was opened so soon
   * after the container was not there yet: kubelets look for files to rotate every 10 s.
   */
  readonly firstLineWithin: number;
  /** A live log that has said nothing for so long has said what there was. */
  readonly settle: number;
  /** The pause before something that failed is tried again: at first, and at most. */
  readonly retryFirst: number;
  readonly retryMost: number;
}

export const DEFAULT_TIMING: Timing = {
  lookInterval: 2_000,
  statusInterval: 2_000,
  statusAge: 1_000,
  statusLag: 500,
  archiveWait: 120_000,
  waitOnce: 5_000,
  archiveMargin: 300_000,
  stepBack: 30_000,
  firstLineWithin: 10_000,
  settle: 500,
  retryFirst: 250,
  retryMost: 10_000,
};

/** How often something is tried when nobody follows, so that somebody waits for the end. */
export const TRIES = 4;

export interface JobLogOptions {
  readonly archive: Pick<LogReader, 'open' | 'messages'>;
  /** The store's clock: ms since 1970 (I11). */
  readonly storeNow: () => number;
  /** Undefined: there is no Kubernetes, the archive is all there is. */
  readonly kube: Kube | undefined;
  /** MAX_MESSAGE, in bytes: longer lines of Kubernetes come in pieces. */
  readonly maxMessage: number;
  readonly timing?: Partial<Timing> | undefined;
  readonly clock?: Clock | undefined;
}
