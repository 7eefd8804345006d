/** A cluster in memory, on a clock of its own, for property tests: a pod with logs as kubelets give them. */
import {
  type Kube,
  KubeConnectionLostError,
  type KubePod,
  KubeUnavailableError,
  ContainerWaitingError,
  type PodLogRequest,
  PodNotFoundError,
  PreviousNotFoundError,
} from '@cordwood/kube';
import { compareInstants, formatTime } from '@cordwood/log-record';
import { BASE, instant, type ManualClock } from './spec-support.ts';

export interface WrittenLine {
  readonly at: number;
  readonly log: string;
  /** Nothing ends it: the container was cut off, or is still at it. */
  readonly unfinished?: boolean;
}

interface LogFile {
  readonly lines: WrittenLine[];
  /** What follows when those who follow go on in it. */
  next: LogFile | undefined;
  /** Nothing more will be written to it, and those who follow do not go on. */
  closed: boolean;
}

export class FakeInstance {
  readonly containerId: string;
  readonly startedAt: number;
  endedAt: number | undefined;
  /** All that it wrote. */
  readonly lines: WrittenLine[] = [];
  file: LogFile = { lines: [], next: undefined, closed: false };

  constructor(containerId: string, startedAt: number) {
    this.containerId = containerId;
    this.startedAt = startedAt;
  }
}

let instances = 0;

/** Pod `team/job-a` with one container `main`, or several. */
export class FakeCluster {
  readonly kube: Kube;
  exists = false;
  finished = false;
  /** Requests that fail from now on. */
  away = 0;
  openLogs = 0;
  logRequests = 0;
  podRequests = 0;
  /** So many ms after a container has started or ended, the pod's status tells of it: kubelets serve logs by what they know themselves. */
  statusLag = 0;
  private readonly statuses: { readonly from: number; readonly containers: KubePod['containers'] }[] = [];
  private readonly clock: ManualClock;
  private readonly containers = new Map<string, FakeInstance[]>();
  private readonly waiting = new Set<string>();
  private wakers = new Set<() => void>();
  private drops = 0;

  constructor(clock: ManualClock, names: readonly string[] = ['main']) {
    this.clock = clock;
    for (const name of names) {
      this.containers.set(name, []);
      this.waiting.add(name);
    }
    this.noteStatus();
    this.kube = {
      pod: async () => Promise.resolve(this.pod()),
      log: async (request: PodLogRequest) => this.log(request),
    } as unknown as Kube;
  }

  /** Seconds after BASE. */
  get now(): number {
    return this.clock.now() / 1000;
  }

  all(name = 'main'): readonly FakeInstance[] {
    return this.containers.get(name) ?? [];
  }

  current(name = 'main'): FakeInstance {
    const current = this.all(name).at(-1);
    if (current === undefined) throw new Error('not started');
    return current;
  }

  isRunning(name = 'main'): boolean {
    return !this.waiting.has(name) && this.all(name).at(-1)?.endedAt === undefined;
  }

  start(name = 'main'): FakeInstance {
    this.exists = true;
    const id = (++instances).toString(16).padStart(64, '0');
    const instance = new FakeInstance(id, Math.floor(this.now));
    this.containers.get(name)?.push(instance);
    this.waiting.delete(name);
    this.noteStatus();
    return instance;
  }

  write(log: string, at = this.now, name = 'main'): WrittenLine {
    return this.add({ at, log }, name);
  }

  /** A line without its newline. */
  writeUnfinished(log: string): WrittenLine {
    return this.add({ at: this.now, log, unfinished: true }, 'main');
  }

  private add(line: WrittenLine, name: string): WrittenLine {
    const current = this.current(name);
    current.lines.push(line);
    current.file.lines.push(line);
    this.wake();
    return line;
  }

  rotate(closes: boolean, name = 'main'): void {
    const current = this.current(name);
    const next: LogFile = { lines: [], next: undefined, closed: false };
    if (closes) current.file.closed = true;
    else current.file.next = next;
    current.file = next;
    this.wake();
  }

  /** The container ends; it waits to be started again, unless the pod is finished. */
  end(name = 'main', isFinal = false): void {
    const current = this.current(name);
    current.endedAt = Math.floor(this.now);
    current.file.closed = true;
    if (isFinal) this.finished = true;
    else this.waiting.add(name);
    this.noteStatus();
    this.wake();
  }

  /** Every open connection breaks. */
  drop(): void {
    this.drops++;
    this.wake();
  }

  private wake(): void {
    const { wakers } = this;
    this.wakers = new Set();
    for (const wake of wakers) wake();
  }

  private pod(): KubePod | undefined {
    this.podRequests++;
    this.fail();
    if (!this.exists) return undefined;
    return {
      namespace: 'team',
      name: 'job-a',
      uid: 'uid',
      phase: this.finished ? 'Succeeded' : 'Running',
      deleting: false,
      finished: this.finished,
      containers: this.statuses.findLast(({ from }) => from <= this.clock.now() - this.statusLag)?.containers ?? [],
    };
  }

  private noteStatus(): void {
    this.statuses.push({
      from: this.statuses.length === 0 ? -Infinity : this.clock.now(),
      containers: [...this.containers].map(([name, all]) => {
        const isWaiting = this.waiting.has(name);
        const current = isWaiting ? undefined : all.at(-1);
        const previous = isWaiting ? all.at(-1) : all.at(-2);
        return {
          name,
          kind: 'main',
          containerId: current?.containerId,
          state:
            current === undefined
              ? { phase: 'waiting', reason: 'CrashLoopBackOff' }
              : current.endedAt === undefined
                ? { phase: 'running', startedAt: instant(current.startedAt) }
                : {
                    phase: 'terminated',
                    startedAt: instant(current.startedAt),
                    finishedAt: instant(current.endedAt),
                    exitCode: 0,
                    reason: undefined,
                  },
          previousContainerId: previous?.containerId,
          previousStartedAt: previous && instant(previous.startedAt),
          previousFinishedAt: previous && instant(previous.endedAt ?? 0),
          restartCount: Math.max(0, all.length - 1),
        };
      }),
    });
  }

  private fail(): void {
    if (this.away <= 0) return;
    this.away--;
    throw new KubeUnavailableError('away');
  }

  private async log(request: PodLogRequest): Promise<AsyncIterable<Uint8Array>> {
    this.logRequests++;
    this.fail();
    if (!this.exists) throw new PodNotFoundError('gone');
    const all = this.all(request.container);
    const isWaiting = this.waiting.has(request.container);
    const instance = request.previous === true ? (isWaiting ? all.at(-1) : all.at(-2)) : all.at(-1);
    if (instance === undefined) {
      throw request.previous === true ? new PreviousNotFoundError('none') : new ContainerWaitingError('waiting');
    }
    const chunks = this.chunks(instance.file, request);
    // As the client does: the answer begins with its first byte.
    const first = await chunks.next();
    return (async function* () {
      if (first.done === true) return;
      yield first.value;
      yield* chunks;
    })();
  }

  private async *chunks(start: LogFile, request: PodLogRequest): AsyncGenerator<Uint8Array> {
    const { signal, sinceTime, follow = false } = request;
    const { drops } = this;
    this.openLogs++;
    try {
      for (let file: LogFile | undefined = start, at = 0; file !== undefined;) {
        signal?.throwIfAborted();
        if (this.drops !== drops) throw new KubeConnectionLostError('dropped');
        const lines = file.lines.slice(at).filter((line) => isSince(line, sinceTime));
        at = file.lines.length;
        if (lines.length > 0) {
          yield Buffer.from(lines.map(textOf).join(''));
          continue;
        }
        if (file.next !== undefined) {
          file = follow ? file.next : undefined;
          at = 0;
        } else if (!follow || file.closed) return;
        else await this.changed(signal);
      }
    } finally {
      this.openLogs--;
    }
  }

  private async changed(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wakers.add(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

const textOf = ({ at, log, unfinished = false }: WrittenLine): string =>
  `${formatTime(instant(at))} ${log}${unfinished ? '' : '\n'}`;

const isSince = (line: WrittenLine, since: PodLogRequest['sinceTime']): boolean =>
  since === undefined || compareInstants(instant(line.at), { seconds: since.seconds, nanos: 0 }) >= 0;

export const storeNow = (clock: ManualClock): number => BASE * 1000 + clock.now();
