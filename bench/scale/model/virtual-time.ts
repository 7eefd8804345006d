/**
 * A clock that moves only when nobody has anything left to do: real code runs to where all of it waits, and then the next
 * wait is over at once. What takes an hour of waiting takes no time, and the same run gives the same times.
 */
export class VirtualTime {
  /** Ms since 1970. */
  now: number;
  private readonly waiting: { readonly at: number; readonly wake: () => void }[] = [];

  constructor(now: number) {
    this.now = now;
  }

  /** Resolves so many ms later; not before others that are over earlier, or that began earlier and are over at the same time. */
  async sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      const at = this.now + Math.max(0, ms);
      let place = this.waiting.length;
      while (place > 0 && (this.waiting[place - 1]?.at ?? 0) > at) place--;
      this.waiting.splice(place, 0, { at, wake });
    });
  }

  /** Ends the next wait; false when there is none. To be called when all that runs waits. */
  advance(): boolean {
    const next = this.waiting.shift();
    if (next === undefined) return false;
    this.now = next.at;
    next.wake();
    return true;
  }

  /**
   * Advances whenever this process has nothing left to do: no request, no compression in another thread. So there must be no open
   * connection, timer or channel in it.
   */
  driveProcess(): void {
    process.on('beforeExit', () => {
      // With nothing but a resolved promise, the process would end.
      if (this.waiting.length > 0) setImmediate(() => this.advance());
    });
  }
}
