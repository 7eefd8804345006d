import { MERGED_PREFIX, METADATA_PREFIX, RAW_PREFIX } from '@cordwood/s3-key-format';
import { REQUEST_KINDS, type RequestKind } from '../model/latency.ts';

/** Parts of a bucket by their first characters. */
export const AREAS = ['raw', 'data', 'metadata', 'other'] as const;
export type Area = (typeof AREAS)[number];

export function areaOf(key: string): Area {
  if (key.startsWith(RAW_PREFIX)) return 'raw';
  if (key.startsWith(MERGED_PREFIX)) return 'data';
  return key.startsWith(METADATA_PREFIX) ? 'metadata' : 'other';
}

/** What was asked of a store. */
export interface Usage {
  readonly requests: Readonly<Record<RequestKind, number>>;
  /** By area, as rate limits count: each deleted key is a write. */
  readonly writes: Readonly<Record<Area, number>>;
  readonly reads: Readonly<Record<Area, number>>;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

const byArea = (): Record<Area, number> => ({ raw: 0, data: 0, metadata: 0, other: 0 });

export const NO_USAGE: Usage = {
  requests: { LIST: 0, GET: 0, HEAD: 0, PUT: 0, COPY: 0, DELETE: 0 },
  writes: byArea(),
  reads: byArea(),
  bytesUp: 0,
  bytesDown: 0,
};

/** `a + times · b`, figure by figure. */
export function addUsage(a: Usage, b: Usage, times = 1): Usage {
  const add = <Key extends string>(x: Readonly<Record<Key, number>>, y: Readonly<Record<Key, number>>) =>
    Object.fromEntries(Object.keys(x).map((key) => [key, x[key as Key] + times * y[key as Key]])) as Record<
      Key,
      number
    >;
  return {
    requests: add(a.requests, b.requests),
    writes: add(a.writes, b.writes),
    reads: add(a.reads, b.reads),
    bytesUp: a.bytesUp + times * b.bytesUp,
    bytesDown: a.bytesDown + times * b.bytesDown,
  };
}

export const scaleUsage = (usage: Usage, factor: number): Usage => addUsage(NO_USAGE, usage, factor);

/** All requests, whatever their kind. */
export const allRequests = ({ requests }: Usage): number =>
  REQUEST_KINDS.reduce((sum, kind) => sum + requests[kind], 0);
