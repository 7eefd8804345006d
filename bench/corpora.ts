import { parseRawKey } from '@cordwood/s3-key-format';
import { corpus, type CorpusOptions, type RawObject } from './corpus.ts';

/** A corpus in memory. */
export interface Corpus {
  readonly objects: readonly RawObject[];
  readonly pods: readonly string[];
  /** Of the log before compression. */
  readonly rawBytes: number;
  /** The raw log itself, file by file. */
  readonly texts: readonly Buffer[];
}

/** One pod for an hour. */
export const ONE_POD: CorpusOptions = { pods: 1, filesPerPod: 60, fileBytes: 1e6 };
export const MANY_PODS: CorpusOptions = { pods: 200, filesPerPod: 10, fileBytes: 50_000 };

export function makeCorpus(options: CorpusOptions): Corpus {
  const objects = [...corpus(options)];
  const plain = options.gzip === true ? [...corpus({ ...options, gzip: false })] : objects;
  const texts = plain.map(({ body }) => body);
  return { objects, texts, pods: podsOf(objects), rawBytes: texts.reduce((sum, { length }) => sum + length, 0) };
}

export const podOf = ({ key }: RawObject): string => {
  const parsed = parseRawKey(key);
  if (!parsed.ok) throw new Error(`${key} is no raw key`);
  return parsed.key.pod;
};

const podsOf = (objects: readonly RawObject[]): string[] => [...new Set(objects.map(podOf))];

/** The same files as those of another pod. */
export const renamed = (objects: readonly RawObject[], from: string, to: string): RawObject[] =>
  objects.map(({ key, body }) => ({ key: key.replaceAll(from, to), body }));
