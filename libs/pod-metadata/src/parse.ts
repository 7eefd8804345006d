import { currentSchema, type LogFile, logFile, type PodMetadata, referenceSchema } from './schema.ts';

/** Why a pod's metadata cannot be used. The pod then stops, and nothing of it is deleted, until somebody repairs it. */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
  readonly reason: 'not JSON' | 'newer version' | 'not pod metadata';
  private readonly detail: string;

  /** `what`: the object's key, where it is known. */
  constructor(reason: MetadataError['reason'], detail: string, what = 'pod metadata') {
    super(`${what} is ${reason === 'newer version' ? 'of a newer version' : reason}: ${detail}`);
    this.reason = reason;
    this.detail = detail;
  }

  /** The same error, naming the object. */
  of(key: string): MetadataError {
    return new MetadataError(this.reason, this.detail, key);
  }
}

/** The highest version that is understood here. */
const CURRENT_VERSION = 2;

/**
 * Reads metadata of any version, and gives it in the current one. `commit_id` is empty for metadata of the reference.
 * Throws MetadataError.
 */
export function parsePodMetadata(text: string): PodMetadata {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MetadataError('not JSON', error instanceof Error ? error.message : String(error));
  }
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  if (typeof version === 'number' && version > CURRENT_VERSION) {
    throw new MetadataError(
      'newer version',
      `${version.toString()}, and this program knows up to ${CURRENT_VERSION.toString()}`,
    );
  }
  if (version === undefined) return upgrade(checked(referenceSchema.safeParse(value)));
  return checked(currentSchema.safeParse(value));
}

type Parsed<T> =
  { success: true; data: T } | { success: false; error: { issues: { path: PropertyKey[]; message: string }[] } };

function checked<T>(parsed: Parsed<T>): T {
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`);
  throw new MetadataError('not pod metadata', issues.slice(0, 3).join('; '));
}

/**
 * Metadata of the reference in the current shape. Its watermark is not carried over: which raw objects are merged is found out
 * by looking for their records in its files (a late file may lie before the watermark unmerged).
 */
function upgrade(reference: ReturnType<typeof referenceSchema.parse>): PodMetadata {
  return {
    ...reference,
    version: CURRENT_VERSION,
    commit_id: '',
    merged_raw: [],
    superseded: [],
    damaged: [],
    deleted: [],
    ...(typeof reference.last_merged_key === 'string' && { reference_last_merged_key: reference.last_merged_key }),
  };
}

/** Whether this can stand in metadata as the entry of a merged file. */
export const isLogFile = (value: unknown): value is LogFile => logFile.safeParse(value).success;

/** The text to store. The reference, which must be able to read it, does not ask whether there is a `last_merged_key`. */
export const serializePodMetadata = (metadata: PodMetadata): string =>
  JSON.stringify({ ...metadata, last_merged_key: metadata.last_merged_key ?? null });

/** Metadata of a pod that has none yet. */
export const emptyPodMetadata = (): PodMetadata => ({
  version: CURRENT_VERSION,
  commit_id: '',
  last_merged_key: null,
  log_files: [],
  merged_raw: [],
  superseded: [],
  damaged: [],
  deleted: [],
});
