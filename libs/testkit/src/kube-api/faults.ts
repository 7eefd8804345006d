/** A request as rules for faults see it. */
export interface KubeApiRequest {
  readonly kind: KubeRequestKind;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly namespace: string | undefined;
  readonly pod: string | undefined;
}

export type KubeRequestKind =
  'log' | 'pod' | 'pods' | 'namespaces' | 'tokenreview' | 'accessreview' | 'discovery' | 'version' | 'other';

/** What goes wrong with a request. Several may be combined. */
export interface KubeFault {
  /** The connection is reset instead of an answer. */
  readonly refuse?: boolean;
  /** This status with the `Status` object that Kubernetes has for it, or with `message` in it. */
  readonly status?: number;
  readonly message?: string;
  /** Seconds, in the header and the object. */
  readonly retryAfter?: number;
  /** Status 200 and this as the whole body: what some kubelets do with their errors. */
  readonly body?: string;
  /** Nothing is answered, not even the head, until the rule's `release()`. */
  readonly hold?: boolean;
  /** The connection is reset after so many bytes of the body. */
  readonly dropAfter?: number;
  /** The body ends after so many bytes, as if it had been whole. */
  readonly closeAfter?: number;
  /** This stands at the end of the body: a kubelet that fails while it sends. */
  readonly append?: string;
  /** The body comes at so many bytes per second. */
  readonly bytesPerSecond?: number;
}

export interface KubeFaultRule {
  /** Default: every request. */
  readonly match?: (request: KubeApiRequest) => boolean;
  /** Matching requests that are let pass first. Default 0. */
  readonly skip?: number;
  /** Matching requests that it strikes after that. Default 1; `Infinity` for all. */
  readonly times?: number;
  readonly fault: KubeFault;
}

/** A rule that is in force. */
export interface ActiveFault {
  /** Requests it has struck. */
  readonly struck: number;
  /** Lets requests that are held go on; later ones are not held. */
  release(): void;
  /** Takes the rule back. */
  remove(): void;
}

/** A fault, and what to wait for before the answer. */
export interface StruckFault extends KubeFault {
  readonly released: Promise<void>;
}

interface RuleInForce {
  readonly rule: KubeFaultRule;
  readonly released: Promise<void>;
  seen: number;
  struck: number;
}

/** Which requests are to fail, and how. */
export class Faults {
  private rules: RuleInForce[] = [];

  add(rule: KubeFaultRule): ActiveFault {
    const { promise: released, resolve: release }: PromiseWithResolvers<void> = Promise.withResolvers();
    const active: RuleInForce = { rule, seen: 0, struck: 0, released };
    this.rules.push(active);
    return {
      get struck() {
        return active.struck;
      },
      release,
      remove: () => {
        this.rules = this.rules.filter((other) => other !== active);
      },
    };
  }

  strike(request: KubeApiRequest): StruckFault | undefined {
    for (const active of this.rules) {
      const { match, skip = 0, times = 1, fault } = active.rule;
      if (match?.(request) === false || active.seen >= skip + times) continue;
      active.seen++;
      if (active.seen <= skip) continue;
      active.struck++;
      return { ...fault, released: active.released };
    }
    return undefined;
  }
}
