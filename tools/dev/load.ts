import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectStore } from '@cordwood/log-store';
import { parseMergedKey, parseMetadataKey, parseRawKey } from '@cordwood/s3-key-format';

interface Upload {
  readonly key: string;
  readonly path: string;
  readonly contentType: string | undefined;
}

interface ManifestRow {
  readonly key: string;
  readonly order?: number;
  readonly file?: string;
  readonly content_type?: string | null;
}

/** Puts the objects of a fixture folder into the bucket, in their order of arrival; gives how many, and of which jobs. */
export async function loadFolder(
  store: ObjectStore,
  folder: string,
): Promise<{ readonly objects: number; readonly jobs: readonly string[] }> {
  const uploads = uploadsOf(folder);
  for (const { key, path, contentType } of uploads) {
    await store.put(key, readFileSync(path), contentType === undefined ? {} : { contentType });
  }
  const jobs = new Set(uploads.map(({ key }) => jobOf(key)).filter((job) => job !== undefined));
  return { objects: uploads.length, jobs: [...jobs].toSorted() };
}

/** @throws Error when the folder holds nothing that looks like a fixture */
function uploadsOf(folder: string): Upload[] {
  const manifest = join(folder, 'manifest.jsonl');
  if (existsSync(manifest)) {
    const rows = readFileSync(manifest, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ManifestRow);
    return rows
      .toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))
      .map((row) => ({ key: row.key, path: pathOf(folder, row), contentType: row.content_type ?? undefined }));
  }
  const objects = existsSync(join(folder, 'objects')) ? join(folder, 'objects') : folder;
  if (!existsSync(objects)) throw new Error(`there is no folder ${folder}`);
  const files = readdirSync(objects, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const uploads = files.map((file) => {
    const path = join(file.parentPath, file.name);
    return { key: path.slice(objects.length + 1), path, contentType: undefined };
  });
  if (!uploads.some(({ key }) => jobOf(key) !== undefined))
    throw new Error(`${folder} is no fixture folder: it has no manifest.jsonl, and no objects with keys of logs`);
  return uploads.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** A row names its file; or the object lies under its key, unless its key was written a second time later. */
function pathOf(folder: string, { key, file, order }: ManifestRow): string {
  if (file !== undefined) return join(folder, file);
  const overwritten = join(folder, 'overwritten', `${String(order ?? 0).padStart(6, '0')}.bin`);
  return existsSync(overwritten) ? overwritten : join(folder, 'objects', key);
}

function jobOf(key: string): string | undefined {
  for (const parsed of [parseRawKey(key), parseMergedKey(key), parseMetadataKey(key)]) {
    if (parsed.ok) return parsed.key.pod;
  }
  return undefined;
}
