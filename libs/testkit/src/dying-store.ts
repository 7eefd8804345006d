import { MemoryObjectStore } from './memory-object-store.ts';

/** The end of a worker. */
export class Crash extends Error {}

/** A store that dies at its `n`th request from now on: before it is carried out, or after. */
export class DyingStore extends MemoryObjectStore {
  private left = Infinity;
  private afterwards = false;

  dieAt(n: number, afterwards: boolean): void {
    this.left = n;
    this.afterwards = afterwards;
    this.before = () => {
      if (this.left-- <= 0) throw new Crash();
    };
  }

  revive(): void {
    this.before = () => undefined;
    this.left = Infinity;
  }

  override async put(...args: Parameters<MemoryObjectStore['put']>): ReturnType<MemoryObjectStore['put']> {
    const done = await super.put(...args);
    return this.orDie(done);
  }

  override async deleteMany(
    ...args: Parameters<MemoryObjectStore['deleteMany']>
  ): ReturnType<MemoryObjectStore['deleteMany']> {
    const done = await super.deleteMany(...args);
    return this.orDie(done);
  }

  override async deleteUnchanged(
    ...args: Parameters<MemoryObjectStore['deleteUnchanged']>
  ): ReturnType<MemoryObjectStore['deleteUnchanged']> {
    const done = await super.deleteUnchanged(...args);
    return this.orDie(done);
  }

  private orDie<T>(done: T): T {
    if (this.afterwards && this.left === 0) throw new Crash();
    return done;
  }
}
