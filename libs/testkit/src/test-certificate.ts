import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A key and a certificate for 127.0.0.1 that vouches for itself, valid for a day. Made by `openssl`, which must be on the PATH. */
export async function selfSignedCertificate(): Promise<{ readonly key: Buffer; readonly cert: Buffer }> {
  const dir = await mkdtemp(join(tmpdir(), 'cordwood-tls-'));
  try {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
    const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...name, '-keyout', 'key', '-out', 'cert'], {
      cwd: dir,
    });
    return { key: await readFile(join(dir, 'key')), cert: await readFile(join(dir, 'cert')) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
