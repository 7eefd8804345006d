interface Claim {
  readonly bytes: number;
  readonly grant: () => void;
}

/** A bound on bytes that are held at the same time. Who wants more than is left waits; claims are granted in the order in which they were made. */
export class ByteBudget {
  private readonly limit: number;
  private held = 0;
  private readonly waiting: Claim[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Waits until so many bytes may be held: more than the limit when nothing else is. Gives what gives them back; twice does nothing. */
  async claim(bytes: number): Promise<() => void> {
    await new Promise<void>((grant) => {
      this.waiting.push({ bytes, grant });
      this.grantNext();
    });
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.held -= bytes;
      this.grantNext();
    };
  }

  private grantNext(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.held > 0 && this.held + next.bytes > this.limit) return;
      this.waiting.shift();
      this.held += next.bytes;
      next.grant();
    }
  }
}
