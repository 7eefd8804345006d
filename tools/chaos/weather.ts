import type { Fault } from '@cordwood/testkit';
import type { Random } from './random.ts';

/** How bad it is: the part of the requests that go wrong. */
const LEVELS = { calm: 0, breeze: 0.04, storm: 0.25, outage: 1 } as const;
type Level = keyof typeof LEVELS;

/** How long each lasts, in ms: long enough in the calm that work goes on, and no outage longer than a client's own tries. */
const LASTS: Readonly<Record<Level, readonly [number, number]>> = {
  calm: [3_000, 9_000],
  breeze: [3_000, 9_000],
  storm: [2_000, 6_000],
  outage: [500, 4_000],
};
const NEXT: Readonly<Record<Level, Readonly<Partial<Record<Level, number>>>>> = {
  calm: { breeze: 2, storm: 3, outage: 1 },
  breeze: { calm: 2, storm: 2 },
  storm: { calm: 3, breeze: 1 },
  outage: { calm: 1 },
};

/** How often each kind of fault, among the faults. Those that cost a client its whole time-out are rare. */
const KINDS = {
  'status 500': 20,
  'status 503': 20,
  refused: 12,
  'answer lost': 16,
  'answer cut': 14,
  'upload cut': 8,
  slow: 8,
  delayed: 10,
  'answer stalls': 1,
  'never answered': 1,
};
export type FaultKind = keyof typeof KINDS;

/** Faults in waves on one app's way to the store. */
export class Weather {
  readonly #random: Random;
  #level: Level = 'calm';
  #until = 0;
  #begun = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Before there are no faults. */
  begin(): void {
    this.#begun = true;
  }

  /** No faults any more. */
  end(): void {
    this.#begun = false;
  }

  /** What goes wrong with a request; undefined: nothing. `writers`: only faults whose end they can tell. */
  strike(method: string, { writers = false } = {}): { readonly kind: FaultKind; readonly fault: Fault } | undefined {
    if (!this.#begun || !this.#random.chance(this.#rate())) return undefined;
    const kind = this.#random.weighted(KINDS);
    if (writers && (kind === 'never answered' || kind === 'answer stalls')) return undefined;
    // Only requests with a body can be cut in it.
    const possible = kind === 'upload cut' && method !== 'PUT' ? 'refused' : kind;
    return { kind: possible, fault: this.#fault(possible) };
  }

  #rate(): number {
    const now = performance.now();
    if (now > this.#until) {
      this.#level = this.#random.weighted(NEXT[this.#level] as Record<Level, number>);
      const [least, most] = LASTS[this.#level];
      this.#until = now + this.#random.between(least, most);
    }
    return LEVELS[this.#level];
  }

  #fault(kind: FaultKind): Fault {
    // Often at the beginning, where small objects are cut too.
    const bytes = this.#random.chance(0.5) ? this.#random.between(0, 600) : this.#random.between(0, 100_000);
    switch (kind) {
      case 'status 500':
        return { status: 500, code: 'InternalError' };
      case 'status 503':
        return { status: 503, code: 'SlowDown' };
      case 'refused':
        return { refuse: true };
      case 'answer lost':
        return { dropAnswer: true };
      case 'answer cut':
        return { resetAfter: bytes };
      case 'upload cut':
        return { cutUploadAfter: bytes };
      case 'slow':
        return { bytesPerSecond: this.#random.between(20_000, 500_000) };
      case 'delayed':
        return { delay: this.#random.between(50, 3_000) };
      case 'answer stalls':
        return { stallAfter: bytes };
      case 'never answered':
        return { hang: true };
    }
  }
}
