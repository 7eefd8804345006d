import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What goes through the bytes of logs, in AssemblyScript. */
const SOURCE = 'libs/log-record/kernel/index.ts';
/** The module that holds it compiled. */
export const KERNEL_FILE = 'libs/log-record/src/kernel.wasm.ts';

const LINE = 120;

/** Compiles the kernel; gives the text of {@link KERNEL_FILE}. Throws with the compiler's output. */
export async function compiledKernel(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kernel-'));
  try {
    const target = join(directory, 'kernel.wasm');
    const options = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--use', 'abort='];
    await run('node_modules/.bin/asc', [SOURCE, '--outFile', target, ...options]);
    const base64 = (await readFile(target)).toString('base64');
    const lines = base64.match(new RegExp(`.{1,${LINE.toString()}}`, 'g')) ?? [];
    return [
      '// Compiled from ../kernel by `npm run build:kernel`. Not to be changed by hand.',
      '/** The WebAssembly module, in base64. */',
      'export const KERNEL = `',
      ...lines,
      '`;',
      '',
    ].join('\n');
  } finally {
    await rm(directory, { recursive: true });
  }
}
