import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { soakFollowers } from './followers.ts';
import { soakFiles, soakLog, type Figures } from './log.ts';
import { soakPods } from './pods.ts';
import { soakSlowClient } from './slow-client.ts';
import { startSoakSystem } from './system.ts';

/**
 * `npm run soak -- pods 10000`, `npm run soak -- log 5GB`, `npm run soak -- single 1GB`, `npm run soak -- files 50000`: how much memory, connections
 * and time a compactor (and a reader) takes for a lot of work, and how long its event loop stands still. `slow-client 1GB`: what a client that takes 1 KB/s
 * costs. `followers 600 --clients 400`: so many clients (200) follow 50 live jobs for so many seconds. docs/reliability.md.
 */
const USAGE =
  'usage: npm run soak -- pods <number> | log <size> | single <size> | files <number> | slow-client <size> | followers <seconds> [--clients <number>]; sizes as 5GB, 300MB';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { clients: { type: 'string', default: '200' } },
});
const clients = Number(values.clients);
const [kind = '', amount = ''] = positionals;
const quantity =
  Number(/^(\d+)(?:MB|GB)?$/.exec(amount)?.[1] ?? 0) * (amount.endsWith('GB') ? 1e9 : amount.endsWith('MB') ? 1e6 : 1);
const soaks: Record<string, (system: Awaited<ReturnType<typeof startSoakSystem>>) => Promise<Figures>> = {
  pods: (system) => soakPods(system, quantity),
  log: (system) => soakLog(system, { bytes: quantity, files: Math.ceil(quantity / 1e6) }),
  single: (system) => soakLog(system, { bytes: quantity, files: 1 }),
  files: (system) => soakFiles(system, quantity),
  followers: (system) => soakFollowers(system, quantity, clients),
  'slow-client': (system) => soakSlowClient(system, quantity),
};
const soak = Object.hasOwn(soaks, kind) ? soaks[kind] : undefined;
if (soak === undefined || !(quantity > 0) || !(clients > 0)) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}

const system = await startSoakSystem();
try {
  const figures = await soak(system);
  process.stdout.write(`\n${cpus().length.toString()} x ${cpus()[0]?.model ?? ''}, Node ${process.version}\n\n`);
  for (const [name, value] of Object.entries(figures)) {
    process.stdout.write(`| ${name} | ${typeof value === 'number' ? Number(value.toFixed(1)).toString() : value} |\n`);
  }
} finally {
  await system.close();
}
