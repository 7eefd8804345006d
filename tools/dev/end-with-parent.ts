/**
 * Loaded into every app (`node --import`): standard input is a pipe from the development stack, and ends with it, however that
 * ended. The app then does what it does on SIGTERM.
 */
process.stdin.once('end', end).once('error', end).resume();

function end(): void {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 10_000).unref();
}
