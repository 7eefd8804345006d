import { Meter } from './meter.ts';

/** Loaded before an app (`--import`): answers each message of the parent with what the app took since the one before. */
const meter = new Meter();
meter.start();
process.on('message', () => {
  const measured = meter.read();
  meter.start();
  process.send?.(measured);
});
// No reason to stay when all else is over, but one to go when the parent is gone.
process.channel?.unref();
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
