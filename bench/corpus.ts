import { gzipSync } from 'node:zlib';
import { formatMinute, formatRawKey } from '@cordwood/s3-key-format';

/**
 * Logs of made-up services as Fluent Bit stores them: the same bytes at every run. Message templates, identifiers, numbers, JSON and
 * stack traces are mixed so that the corpus compresses about as service logs do (gzip -6 to a fifth or so).
 */

export interface RawObject {
  readonly key: string;
  readonly body: Buffer;
}

export interface CorpusOptions {
  readonly pods: number;
  readonly filesPerPod: number;
  /** Bytes of a file before compression, `kubernetes` maps not counted. */
  readonly fileBytes: number;
  readonly gzip?: boolean;
  /** Whether records carry the map that Fluent Bit's kubernetes filter adds. The records themselves stay the same. */
  readonly kubernetes?: boolean;
  /** Number of the first pod: others have other logs. Default 0. */
  readonly firstPod?: number;
}

/** The minute of each pod's first file. */
export const CORPUS_START = Date.UTC(2026, 10, 20, 10);

const WORDS =
  'session loss queue user probe cache lease bucket gradient metric tensor image volume leader order dataset node config epoch timeout token request handler replica shard trace span mount secret layer object checkpoint'.split(
    ' ',
  );

/** A linear congruential generator: nothing here needs more than being the same each time. */
class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  below(n: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * n);
  }

  word(): string {
    return WORDS[this.below(WORDS.length)] ?? '';
  }

  hex(length: number): string {
    let text = '';
    while (text.length < length) text += this.below(2 ** 30).toString(16);
    return text.slice(0, length);
  }
}

function message(random: Random, time: string): string {
  const kind = random.below(100);
  if (kind < 45) {
    return `${time} INFO  [${random.word()}-${random.below(64).toString()}] ${random.word()}.${random.word()}: ${random.word()} ${random.word()} id=${random.hex(12)} took ${random.below(2000).toString()} ms`;
  }
  if (kind < 65) {
    return `10.${random.below(256).toString()}.${random.below(256).toString()}.${random.below(256).toString()} - - "GET /api/v1/${random.word()}/${random.below(1e6).toString()}?page=${random.below(50).toString()} HTTP/1.1" ${random.below(20) === 0 ? '500' : '200'} ${random.below(90_000).toString()} "-" "Mozilla/5.0 (X11; Linux x86_64)"`;
  }
  if (kind < 90) {
    return JSON.stringify({
      ts: time,
      level: random.below(10) === 0 ? 'warn' : 'info',
      logger: `svc.${random.word()}`,
      msg: `${random.word()} ${random.word()} ${random.word()} ${random.word()}`,
      req: { id: random.hex(16), user: random.below(1e5), dur_ms: random.below(1e6) / 1000 },
    });
  }
  if (kind < 97)
    return `    at ${random.word()}.${random.word()} (/app/node_modules/${random.word()}/dist/${random.word()}.js:${random.below(900).toString()}:${random.below(80).toString()})`;
  return '';
}

/** The corpus, object by object. */
export function* corpus(options: CorpusOptions): Generator<RawObject> {
  const { firstPod = 0 } = options;
  let index = 0;
  for (let pod = firstPod; pod < firstPod + options.pods; pod++) {
    const random = new Random(pod + 1);
    const name = `job-${random.hex(8)}-${pod.toString()}`;
    const containerId = random.hex(64);
    const map = `,"kubernetes":${JSON.stringify(kubernetesMap(name, containerId, random))}`;
    for (let file = 0; file < options.filesPerPod; file++) {
      const start = CORPUS_START + file * 60_000;
      const lines: string[] = [];
      const pace = 59_000 / (options.fileBytes / 200);
      for (let size = 0, at = 0; size < options.fileBytes; at += random.below(2 * pace)) {
        const nanos = random.below(1e6).toString().padStart(6, '0');
        const time = `${new Date(start + Math.min(at, 59_999)).toISOString().slice(0, -1)}${nanos}Z`;
        const text = message(random, time);
        const log = text === '' ? '' : `,"log":${JSON.stringify(text)}`;
        const stream = random.below(10) === 0 ? 'stderr' : 'stdout';
        const fields = `{"time":"${time}","stream":"${stream}","logtag":"F"${log}`;
        lines.push(options.kubernetes === true ? `${fields}${map}}\n` : `${fields}}\n`);
        size += fields.length + 2;
      }
      const text = Buffer.from(lines.join(''));
      const key = formatRawKey({
        pod: name,
        namespace: 'platform-jobs',
        container: name,
        containerId,
        date: formatMinute(start / 1000),
        index: (index++).toString(),
        logSuffix: true,
        separator: '__',
      });
      yield { key, body: options.gzip === true ? gzipSync(text) : text };
    }
  }
}

const kubernetesMap = (pod: string, containerId: string, random: Random): unknown => ({
  pod_name: pod,
  namespace_name: 'platform-jobs',
  pod_id: random.hex(32),
  labels: {
    'platform.apolo.us/job': pod,
    'platform.apolo.us/user': `user-${random.below(50).toString()}`,
    app: random.word(),
  },
  annotations: { 'cni.projectcalico.org/podIP': '10.1.2.3/32', note: `${random.word()} ${random.word()}` },
  host: `node-${random.below(100).toString()}`,
  pod_ip: '10.1.2.3',
  container_name: pod,
  docker_id: containerId,
  container_hash: `registry.example.com/${random.word()}@sha256:${random.hex(64)}`,
  container_image: `registry.example.com/${random.word()}:1.2.3`,
});
