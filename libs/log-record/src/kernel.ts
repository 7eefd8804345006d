import { KERNEL } from './kernel.wasm.ts';
import type { Instant } from './time.ts';

/** The types of Node's API do not have it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** What `kernel/index.ts` exports; it says what each means. */
interface Exports {
  readonly CAPACITY: Value<number>;
  readonly MERGED: Value<number>;
  readonly TEXT: Value<number>;
  readonly TEXT_WITH_TIMES: Value<number>;
  readonly STDOUT: Value<number>;
  readonly STDERR: Value<number>;
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly input: Value<number>;
  readonly output: Value<number>;
  readonly count: Value<number>;
  readonly size: Value<number>;
  readonly first: Value<bigint>;
  readonly last: Value<bigint>;
  readonly earliest: Value<bigint>;
  readonly latest: Value<bigint>;
  readonly identities: Value<number>;
  readonly identityCount: Value<number>;
  readonly ended: Value<number>;
  takeRaw(
    length: number,
    form: number,
    room: number,
    after: bigint,
    remember: bigint,
    previous: number,
    window: number,
    ended: number,
    inside: boolean,
  ): number;
  showMerged(length: number, form: number, inside: boolean): number;
}

interface Value<T> {
  readonly value: T;
}

const NEWLINE = 0x0a;

/** The kernel, and its memory: one for the process, since nothing is left in it from one call to the next. */
class Kernel {
  readonly exports: Exports;
  private readonly memory: Uint8Array;

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(KERNEL, 'base64')));
    this.exports = exports as Exports;
    this.memory = new Uint8Array(this.exports.memory.buffer);
  }

  /** Puts whole lines from the beginning of the block where the kernel finds them; gives how many bytes. */
  put(block: Uint8Array): number {
    const { CAPACITY, input } = this.exports;
    const most = CAPACITY.value;
    const length = block.length <= most ? block.length : block.lastIndexOf(NEWLINE, most - 1) + 1;
    this.memory.set(length === block.length ? block : block.subarray(0, length), input.value);
    return length;
  }

  /** What the kernel wrote, until it is called again. */
  get written(): Uint8Array {
    const start = this.exports.output.value;
    return this.memory.subarray(start, start + this.exports.size.value);
  }

  /** The identities that it gave. */
  identities(): Float64Array {
    const { identities, identityCount, memory } = this.exports;
    return new Float64Array(memory.buffer, identities.value, identityCount.value).slice();
  }
}

let kernel: Kernel | undefined;

/** Made when it is first needed: few KiB, compiled in a few ms. */
export const theKernel = (): Kernel => (kernel ??= new Kernel());

const BILLION = 1_000_000_000n;
const MOST = 2n ** 63n - 1n;

/** The instant in nanoseconds since 1970; the nearest that 64 bits hold. */
export function toNanos({ seconds, nanos }: Instant): bigint {
  if (seconds === Infinity) return MOST;
  if (seconds === -Infinity) return -MOST;
  const exact = BigInt(seconds) * BILLION + BigInt(nanos);
  return exact > MOST ? MOST : exact < -MOST ? -MOST : exact;
}

/** The other way round. By its zone, a time of 1970 may lie before that year. */
export function fromNanos(instant: bigint): Instant {
  const rest = instant % BILLION;
  const nanos = rest < 0n ? rest + BILLION : rest;
  return { seconds: Number((instant - nanos) / BILLION), nanos: Number(nanos) };
}
