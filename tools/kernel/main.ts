import '../lib/node-version.ts';
import { writeFile } from 'node:fs/promises';
import { compiledKernel, KERNEL_FILE } from './compile.ts';

/** `npm run build:kernel` compiles libs/log-record/kernel. */
await writeFile(KERNEL_FILE, await compiledKernel());
