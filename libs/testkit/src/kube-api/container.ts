import { randomBytes } from 'node:crypto';
import { badRequest } from './status.ts';
import { LogFile, type WrittenLine, writtenLine } from './log-file.ts';

/** What a container instance is called. */
export interface InstanceIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly containerId: string;
}

/** One run of a container, and its log. */
export class InstanceDouble implements InstanceIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly containerId = randomBytes(32).toString('hex');
  readonly startedAt: Date;
  ended: { readonly at: Date; readonly exitCode: number } | undefined;
  /** All that was written so far, in every file: for comparing with what readers got, and for collecting. */
  readonly lines: WrittenLine[] = [];
  /** The file that Kubernetes reads: those before it are rotated away. */
  file = new LogFile();
  private collected = 0;

  constructor(identity: Omit<InstanceIdentity, 'containerId'>, startedAt: Date) {
    this.namespace = identity.namespace;
    this.pod = identity.pod;
    this.container = identity.container;
    this.startedAt = startedAt;
  }

  write(line: WrittenLine): void {
    if (this.ended !== undefined) throw new Error(`container ${this.container} has ended`);
    this.lines.push(line);
    this.file.append(line);
  }

  /** What was written since this was last asked for (at most `count` lines): what the collector uploads next. */
  collect(count = Infinity): WrittenLine[] {
    const lines = this.lines.slice(this.collected, this.collected + count);
    this.collected += lines.length;
    return lines;
  }

  end(at: Date, exitCode: number): void {
    this.ended = { at, exitCode };
    this.file.end();
  }
}

export interface ContainerOptions {
  readonly name: string;
  readonly image?: string;
  /** Starts only when {@link ContainerDouble.start} is called; until then this is why not. Default: it runs. */
  readonly waiting?: string;
}

export interface WriteOptions {
  /** RFC 3339, as a runtime writes it. Default: now, later than any line before. */
  readonly time?: string;
  readonly stream?: 'stdout' | 'stderr';
  /** `P`: the line goes on with the next one of its stream. Default `F`. */
  readonly part?: 'P' | 'F';
}

/** What a container needs of the world. */
export interface ContainerWorld {
  readonly namespace: string;
  readonly pod: string;
  /** `containerd`, `cri-o`, `docker`. */
  readonly runtime: string;
  /** Now, in nanoseconds, never the same twice. */
  now(): string;
  today(): Date;
  changed(): void;
}

/** A container of a pod, for a test to drive. */
export class ContainerDouble {
  readonly name: string;
  readonly image: string;
  /** All runs so far, the current one last. */
  readonly instances: InstanceDouble[] = [];
  /** Why it does not run, when it does not. */
  waitingReason: string | undefined;
  private readonly world: ContainerWorld;

  constructor(options: ContainerOptions, world: ContainerWorld) {
    this.name = options.name;
    this.image = options.image ?? 'example.test/job:1';
    this.world = world;
    if (options.waiting === undefined) this.start();
    else this.waitingReason = options.waiting;
  }

  /** The latest run. @throws Error when there was none yet */
  get current(): InstanceDouble {
    const current = this.instances.at(-1);
    if (current === undefined) throw new Error(`container ${this.name} has not started`);
    return current;
  }

  get running(): boolean {
    const current = this.instances.at(-1);
    return current !== undefined && current.ended === undefined;
  }

  get restartCount(): number {
    return Math.max(0, this.instances.length - 1);
  }

  /** Writes a line to the log of the running instance, and gives what now stands in the file. */
  write(message: string | Uint8Array, options: WriteOptions = {}): WrittenLine {
    const { time = this.world.now(), stream = 'stdout', part = 'F' } = options;
    const line = writtenLine({ time, stream, logtag: part, message: Buffer.from(message as Uint8Array) });
    this.current.write(line);
    return line;
  }

  /**
   * Starts a new log file; the one before can't be read through Kubernetes any more. Real kubelets do all of these to those who follow:
   * they go on in the new file; or do so without what they had not read of the old one, so that lines are missing (`skips`); or their
   * answers end (`closes`).
   */
  rotate({ follow = 'continues' }: { readonly follow?: 'continues' | 'skips' | 'closes' } = {}): void {
    this.current.file = this.current.file.rotate(follow);
  }

  /** The container ends, and stays so. Who follows its log gets the rest, and then the end. */
  terminate(exitCode = 0): void {
    this.current.end(this.world.today(), exitCode);
    this.world.changed();
  }

  /** The container ends (if it has not) and is started again as a new instance; with `hold` only when {@link start} is called. */
  restart({ exitCode = 1, hold = false }: { readonly exitCode?: number; readonly hold?: boolean } = {}): void {
    if (this.running) this.current.end(this.world.today(), exitCode);
    this.waitingReason = 'CrashLoopBackOff';
    this.world.changed();
    if (!hold) this.start();
  }

  /** Starts a new instance. */
  start(): InstanceDouble {
    if (this.running) throw new Error(`container ${this.name} runs already`);
    const { namespace, pod } = this.world;
    this.waitingReason = undefined;
    this.instances.push(new InstanceDouble({ namespace, pod, container: this.name }, this.world.today()));
    this.world.changed();
    return this.current;
  }

  /** Changes why it does not run yet. */
  wait(reason: string): void {
    this.waitingReason = reason;
    this.world.changed();
  }

  /** The last instance that has ended besides the current one: all that Kubernetes remembers of earlier ones. */
  get lastTerminated(): InstanceDouble | undefined {
    return this.waitingReason === undefined ? this.instances.at(-2) : this.instances.at(-1);
  }

  /**
   * The instance whose log a kubelet gives.
   * @throws ApiError as the API server passes it on
   */
  instanceFor(previous: boolean): InstanceDouble {
    const of = `container "${this.name}" in pod "${this.world.pod}"`;
    if (previous) {
      if (this.lastTerminated === undefined) throw badRequest(`previous terminated ${of} not found`);
      return this.lastTerminated;
    }
    // While it waits to be started again, kubelets give the log of the instance that ended.
    const current = this.instances.at(-1);
    if (current !== undefined) return current;
    switch (this.waitingReason) {
      case 'ErrImagePull':
        throw badRequest(`${of} is waiting to start: image can't be pulled`);
      case 'ImagePullBackOff':
        throw badRequest(`${of} is waiting to start: trying and failing to pull image`);
      default:
        throw badRequest(`${of} is waiting to start: ${this.waitingReason ?? ''}`);
    }
  }

  /** Its entry in the pod's status. */
  statusJson(): object {
    const { runtime } = this.world;
    const idOf = ({ containerId }: InstanceDouble) => `${runtime}://${containerId}`;
    const second = (date: Date) => date.toISOString().replace(/\.\d+/, '');
    const terminated = (instance: InstanceDouble) => ({
      exitCode: instance.ended?.exitCode ?? 0,
      reason: (instance.ended?.exitCode ?? 0) === 0 ? 'Completed' : 'Error',
      startedAt: second(instance.startedAt),
      finishedAt: second(instance.ended?.at ?? instance.startedAt),
      containerID: idOf(instance),
    });
    const current = this.instances.at(-1);
    const last = this.lastTerminated;
    const state =
      this.waitingReason !== undefined || current === undefined
        ? { waiting: { reason: this.waitingReason ?? 'ContainerCreating' } }
        : current.ended === undefined
          ? { running: { startedAt: second(current.startedAt) } }
          : { terminated: terminated(current) };
    return {
      name: this.name,
      image: this.image,
      imageID: '',
      ready: this.running,
      started: this.running,
      restartCount: this.restartCount,
      ...(current && { containerID: idOf(current) }),
      state,
      lastState: last === undefined ? {} : { terminated: terminated(last) },
    };
  }
}
