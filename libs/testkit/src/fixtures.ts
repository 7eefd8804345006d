import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const TAG = /^kube\.var\.log\.containers\.([^_]+)_([^_]+)_(.+)-([0-9a-f]{64})\.log\.txt(?:\.gz)?$/;

/** The recorded runs of Fluent Bit; see fixtures/README.md for what each holds. */
export const FLUENT_BIT_SCENARIOS = [
  'a_theirs',
  'a_nok8s',
  'b_gzip',
  'bulk_mini',
  'e_multiline_cri',
  'a_mergekey',
  'k8s_annotations',
  'short',
  'late_503',
  'dup_store_then_503',
  'restart_kill_keep',
  'restart_samemin_loststore',
  'restart_term_loststore',
] as const;
export type FluentBitScenarioName = (typeof FLUENT_BIT_SCENARIOS)[number];

export interface FluentBitUpload {
  readonly key: string;
  readonly body: Buffer;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** Its place in the order of arrival, from 0. */
  readonly order: number;
}

/** A container instance and what should be read of it. A few were never uploaded (gone too soon, or excluded): their text is empty. */
export interface FluentBitInstance {
  readonly pod: string;
  readonly namespace: string;
  readonly container: string;
  readonly containerId: string;
  /** The text in Cordwood's order, where that differs from the plain one. */
  readonly expected: Buffer;
  /** What the program wrote, where Fluent Bit altered it. */
  readonly app?: Buffer;
}

export interface FluentBitScenario {
  /** In order of arrival. A key may come twice: its later content replaced the earlier. */
  readonly uploads: readonly FluentBitUpload[];
  readonly instances: readonly FluentBitInstance[];
}

export function fluentBitScenario(name: FluentBitScenarioName): FluentBitScenario {
  const dir = join(FIXTURES, 'fluent-bit', name);
  const files = readdirSync(join(dir, 'expected'));
  const instances = files.flatMap((file): FluentBitInstance[] => {
    const [, pod, namespace, container, containerId] = TAG.exec(file) ?? [];
    if (pod === undefined || namespace === undefined || container === undefined || containerId === undefined) return [];
    const variant = (kind: string) => readText(join(dir, 'expected', file.replace('.log.txt', `.log.${kind}.txt`)));
    const expected = variant('by_end') ?? readText(join(dir, 'expected', file)) ?? Buffer.of();
    const app = variant('app');
    return [
      {
        pod,
        namespace,
        container,
        containerId,
        expected: name === 'e_multiline_cri' ? withoutExtraNewline(expected) : expected,
        ...(app !== undefined && { app }),
      },
    ];
  });
  return { uploads: readUploads(dir), instances };
}

interface UploadRow {
  readonly order: number;
  readonly key: string;
  readonly content_type: string | null;
  readonly content_encoding: string | null;
}

function readUploads(dir: string): FluentBitUpload[] {
  return readLines<UploadRow>(join(dir, 'manifest.jsonl')).map((row) => {
    const overwritten = join(dir, 'overwritten', `${String(row.order).padStart(6, '0')}.bin`);
    return {
      order: row.order,
      key: row.key,
      body: readFileSync(existsSync(overwritten) ? overwritten : join(dir, 'objects', row.key)),
      ...(row.content_type !== null && { contentType: row.content_type }),
      ...(row.content_encoding !== null && { contentEncoding: row.content_encoding }),
    };
  });
}

/**
 * The recorded expectation adds a newline after `docker json-file line`, whose message has one already: the record is
 * `{"log":"docker json-file line\n",…}`, and a newline is added only where there is none.
 */
function withoutExtraNewline(expected: Buffer): Buffer {
  const line = 'docker json-file line\n';
  const at = expected.indexOf(`${line}\n`);
  if (at < 0) return expected;
  return Buffer.concat([expected.subarray(0, at + line.length), expected.subarray(at + line.length + 1)]);
}

export interface ReferenceObject {
  readonly key: string;
  readonly body: Buffer;
  readonly contentType: string;
}

/** A read that the reference was asked for, and its answer, right or (see fixtures/README.md) wrong. */
export interface ReferenceRead {
  readonly pod: string;
  readonly namespace: string;
  /** RFC 3339. */
  readonly since?: string;
  readonly timestamps: boolean;
  readonly expected: Buffer;
}

export const REFERENCE_BUCKETS = [
  '01-raw-plain',
  '02-raw-gzip',
  '03-compacted-fresh',
  '04-compacted-cleaned',
  '06-resumed',
  '10-odd-records-raw',
  '11-odd-records-cleaned',
  '14-two-namespaces',
  '16-late-file-after-cleanup',
  '17-empty-data-file',
] as const;
export type ReferenceBucketName = (typeof REFERENCE_BUCKETS)[number];

export interface ReferenceBucket {
  readonly objects: readonly ReferenceObject[];
  readonly reads: readonly ReferenceRead[];
}

interface ObjectRow {
  readonly key: string;
  readonly content_type: string;
  readonly file: string;
}

interface CaseFile {
  readonly reads: readonly {
    readonly name: string;
    readonly pod: string;
    readonly namespace: string;
    readonly since: string | null;
    readonly timestamps: boolean;
  }[];
}

export function referenceBucket(name: ReferenceBucketName): ReferenceBucket {
  const dir = join(FIXTURES, 'reference', name);
  const { reads } = JSON.parse(readFileSync(join(dir, 'case.json'), 'utf8')) as CaseFile;
  return {
    objects: readLines<ObjectRow>(join(dir, 'manifest.jsonl')).map((row) => ({
      key: row.key,
      body: readFileSync(join(dir, row.file)),
      contentType: row.content_type,
    })),
    reads: reads.map((read) => ({
      pod: read.pod,
      namespace: read.namespace,
      ...(read.since !== null && { since: read.since }),
      timestamps: read.timestamps,
      expected: readFileSync(join(dir, 'expected', `${read.name}.bin`)),
    })),
  };
}

function readText(path: string): Buffer | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

function readLines<T>(path: string): T[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
}
