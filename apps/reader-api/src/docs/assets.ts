import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** A file as it is sent. */
export interface Asset {
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

const compress = promisify(gzip);
/** Where tools/build.ts puts what `cordwood.assets` in package.json names: beside the bundle. */
const BUILT = join(import.meta.dirname, 'assets');

/** Files of npm packages, by `package/path`: read when first asked for. */
export class PackageAssets {
  readonly #read = new Map<string, Promise<Asset>>();

  /** Rejects when the file cannot be found. */
  get(name: string): Promise<Asset> {
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const reading = readAsset(name);
    this.#read.set(name, reading);
    // The next one who asks is to find it once it is there.
    reading.catch(() => this.#read.delete(name));
    return reading;
  }
}

export async function toAsset(plain: Buffer): Promise<Asset> {
  return { plain, gzipped: await compress(plain) };
}

async function readAsset(name: string): Promise<Asset> {
  const built = join(BUILT, name);
  const isBuilt = await access(built).then(
    () => true,
    () => false,
  );
  return toAsset(await readFile(isBuilt ? built : createRequire(import.meta.url).resolve(name)));
}
