import { parseRawKey } from '@cordwood/s3-key-format';
import pLimit from 'p-limit';
import { NotFoundError, PreconditionFailedError } from './errors.ts';
import type { ContainerInstance } from './instances.ts';
import type { ReadableStore } from './object-store.ts';
import { RawFile, type RawFileOptions, type RawObject } from './raw-file.ts';

/** Raw files whose beginning is fetched at the same time. */
const PARALLEL_OPENS = 16;
/** Raw files up to this size are fetched once and kept; larger ones are looked at first and streamed later. */
const KEEP_UP_TO = 64 * 1024;
/** Bytes of raw files that are kept by one read. */
const KEPT_IN_ALL = 8 * 1024 * 1024;
/** How often a read starts over because compaction overtook it, before it gives up. */
export const REOPENINGS = 5;

type Listed = ContainerInstance<RawObject>;
type Opened = ContainerInstance<RawFile>;

export interface OpenerOptions extends Omit<RawFileOptions, 'buffers' | 'keepUpTo' | 'signal'> {
  readonly store: ReadableStore;
  /** All container instances that the pod has now, and the raw objects that merging has set aside as damaged. */
  readonly list: (
    pod: string,
    signal: AbortSignal | undefined,
  ) => Promise<{ readonly instances: readonly Listed[]; readonly damaged: readonly { readonly key: string }[] }>;
}

/**
 * Opens the raw files of container instances, which tells where they belong. One that is gone by now was merged and cleaned since it
 * was listed, and one that was written again may have been merged before: their records are in the files of now.
 */
export class InstanceOpener {
  private readonly options: OpenerOptions;

  constructor(options: OpenerOptions) {
    this.options = options;
  }

  /** Throws NotFoundError or PreconditionFailedError when a raw file is gone, and nothing else is there of its instance. */
  async open(instances: readonly Listed[], signal: AbortSignal | undefined): Promise<Opened[]> {
    let current = instances;
    for (let tries = 1; ; tries++) {
      try {
        return await this.tryOpen(current, signal);
      } catch (error) {
        if (!isReplaced(error) || tries >= REOPENINGS) throw error;
        current = await this.current(instances, error, signal);
      }
    }
  }

  /** The instance as it is now, after one of its files was found to be replaced: `error` is thrown when there is none any more. */
  async openAgain(instance: Opened, error: unknown, signal: AbortSignal | undefined): Promise<Opened> {
    const [opened] = await this.open(await this.current([instance], error, signal), signal);
    if (opened === undefined) throw error;
    return opened;
  }

  /**
   * What there is now of these instances. One that is gone as a whole was deleted by somebody, and `error` is thrown; unless merging found
   * nothing to keep in it.
   */
  private async current(
    instances: readonly ContainerInstance<unknown>[],
    error: unknown,
    signal: AbortSignal | undefined,
  ): Promise<readonly Listed[]> {
    const now = await this.options.list(instances[0]?.pod ?? '', signal);
    const found = instances.map((wanted) => now.instances.find((each) => isSameInstance(each, wanted)));
    return instances.map((instance, index) => {
      const current = found[index];
      if (current !== undefined) return current;
      if (!now.damaged.some(({ key }) => isOf(instance, key))) throw error;
      return { ...instance, merged: [], raw: [] };
    });
  }

  private async tryOpen(instances: readonly Listed[], signal: AbortSignal | undefined): Promise<Opened[]> {
    const limit = pLimit(PARALLEL_OPENS);
    let room = KEPT_IN_ALL;
    const open = async (object: RawObject): Promise<RawFile> => {
      const keep = object.size <= Math.min(KEEP_UP_TO, room);
      if (keep) room -= object.size;
      return limit(async () =>
        RawFile.open(this.options.store, object, {
          ...this.options,
          keepUpTo: keep ? KEEP_UP_TO : 0,
          asListed: true,
          signal,
        }),
      );
    };
    try {
      return await Promise.all(
        instances.map(async (instance) => ({ ...instance, raw: await Promise.all(instance.raw.map(open)) })),
      );
    } finally {
      // When one could not be opened, the others are opened anew or not at all.
      limit.clearQueue();
    }
  }
}

/** Whether a merged file is gone because others took its place, or a raw one also because Fluent Bit has written its key again. */
export const isReplaced = (error: unknown): boolean =>
  error instanceof NotFoundError || error instanceof PreconditionFailedError;

function isOf(instance: ContainerInstance<unknown>, rawKey: string): boolean {
  const parsed = parseRawKey(rawKey);
  return parsed.ok && isSameInstance(instance, parsed.key);
}

type Owner = Pick<ContainerInstance<unknown>, 'namespace' | 'containerId'>;

const isSameInstance = (a: Owner, b: Owner): boolean => a.namespace === b.namespace && a.containerId === b.containerId;
