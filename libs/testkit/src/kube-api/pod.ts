import { randomUUID } from 'node:crypto';
import { ContainerDouble, type ContainerOptions, type ContainerWorld } from './container.ts';
import { badRequest } from './status.ts';

export interface PodOptions {
  readonly name: string;
  /** Default `jobs`. */
  readonly namespace?: string;
  /** Default: one that is called like the pod, and runs. */
  readonly containers?: readonly ContainerOptions[];
  readonly initContainers?: readonly ContainerOptions[];
  readonly ephemeralContainers?: readonly ContainerOptions[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** False: no node has been found for it yet. Default true. */
  readonly scheduled?: boolean;
}

/** A pod, for a test to drive. */
export class PodDouble {
  readonly namespace: string;
  readonly name: string;
  readonly uid = randomUUID();
  readonly containers: readonly ContainerDouble[];
  readonly initContainers: readonly ContainerDouble[];
  readonly ephemeralContainers: readonly ContainerDouble[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  scheduled: boolean;
  private deletingSince: Date | undefined;
  private readonly world: Pick<ContainerWorld, 'runtime' | 'now' | 'today'>;
  private readonly removed: () => void;
  private version = 1;
  /** What the status says that is behind; undefined: it is not. */
  private published: object | undefined;

  /** `statusLag`: as of {@link KubeApiOptions}. */
  constructor(options: PodOptions, world: PodDouble['world'], statusLag: number, removed: () => void) {
    const { name, namespace = 'jobs' } = options;
    this.namespace = namespace;
    this.name = name;
    this.labels = options.labels ?? {};
    this.annotations = options.annotations ?? {};
    this.scheduled = options.scheduled ?? true;
    this.world = world;
    this.removed = removed;
    this.createdAt = world.today();
    const changed = () => {
      this.version++;
      if (statusLag > 0) setTimeout(() => (this.published = this.status), statusLag).unref();
    };
    const doubles = (list: readonly ContainerOptions[] = []) =>
      list.map((each) => new ContainerDouble(each, { namespace, pod: name, changed, ...world }));
    const unscheduled = this.scheduled ? {} : { waiting: 'Pending' };
    this.containers = doubles(options.containers ?? [{ name, ...unscheduled }]);
    this.initContainers = doubles(options.initContainers);
    this.ephemeralContainers = doubles(options.ephemeralContainers);
    if (statusLag > 0) this.published = this.status;
  }

  get all(): readonly ContainerDouble[] {
    return [...this.containers, ...this.initContainers, ...this.ephemeralContainers];
  }

  /** The container of this name; default: the first. @throws Error when there is none */
  container(name?: string): ContainerDouble {
    const found = name === undefined ? this.containers[0] : this.all.find((each) => each.name === name);
    if (found === undefined) throw new Error(`pod ${this.name} has no container ${name ?? ''}`);
    return found;
  }

  /** As the status says: a job's, so it has ended when all of its main containers have, and are not to be started again. */
  get phase(): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
    if (this.containers.every(({ instances }) => instances.length === 0)) return 'Pending';
    const over = this.containers.every((each) => !each.running && each.waitingReason === undefined);
    if (!over) return 'Running';
    return this.containers.every((each) => each.current.ended?.exitCode === 0) ? 'Succeeded' : 'Failed';
  }

  get deleting(): boolean {
    return this.deletingSince !== undefined;
  }

  /** Deletion begins: it is still there, with a deletion timestamp, and its containers run on. */
  beginDeletion(): void {
    this.deletingSince = this.world.today();
    this.version++;
  }

  /** Its containers end, and it is gone: 404 from here on. */
  delete(): void {
    for (const container of this.all) if (container.running) container.terminate(137);
    this.removed();
  }

  /**
   * The container that a request for a log means.
   * @throws ApiError as the API server's
   */
  containerForLog(name: string | null): ContainerDouble {
    if (name === null || name === '') {
      const [first, ...others] = this.containers;
      if (first !== undefined && others.length === 0) return first;
      const names = (list: readonly ContainerDouble[]) => list.map((each) => each.name).join(' ');
      const init =
        this.initContainers.length > 0 ? ` or one of the init containers: [${names(this.initContainers)}]` : '';
      throw badRequest(
        `a container name must be specified for pod ${this.name}, choose one of: [${names(this.containers)}]${init}`,
      );
    }
    const found = this.all.find((each) => each.name === name);
    if (found === undefined) throw badRequest(`container ${name} is not valid for pod ${this.name}`);
    return found;
  }

  get metadataJson(): object {
    return {
      name: this.name,
      namespace: this.namespace,
      uid: this.uid,
      resourceVersion: String(this.version),
      creationTimestamp: second(this.createdAt),
      ...(this.deletingSince && { deletionTimestamp: second(this.deletingSince), deletionGracePeriodSeconds: 30 }),
      ...(Object.keys(this.labels).length > 0 && { labels: this.labels }),
      ...(Object.keys(this.annotations).length > 0 && { annotations: this.annotations }),
    };
  }

  /** As the API has it. */
  json(): object {
    const specs = (list: readonly ContainerDouble[]) => list.map(({ name, image }) => ({ name, image, resources: {} }));
    const { initContainers: init, ephemeralContainers: ephemeral } = this;
    return {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: this.metadataJson,
      spec: {
        containers: specs(this.containers),
        ...(init.length > 0 && { initContainers: specs(init) }),
        ...(ephemeral.length > 0 && { ephemeralContainers: specs(ephemeral) }),
        restartPolicy: 'OnFailure',
        ...(this.scheduled && { nodeName: 'node-1' }),
      },
      status: this.published ?? this.status,
    };
  }

  private get status(): object {
    const statuses = (list: readonly ContainerDouble[]) => list.map((each) => each.statusJson());
    const { initContainers: init, ephemeralContainers: ephemeral } = this;
    return {
      phase: this.phase,
      ...(this.scheduled && {
        hostIP: '192.0.2.1',
        podIP: '192.0.2.2',
        startTime: second(this.createdAt),
        containerStatuses: statuses(this.containers),
        ...(init.length > 0 && { initContainerStatuses: statuses(init) }),
        ...(ephemeral.length > 0 && { ephemeralContainerStatuses: statuses(ephemeral) }),
      }),
      qosClass: 'BestEffort',
    };
  }
}

const second = (date: Date): string => date.toISOString().replace(/\.\d+/, '');
