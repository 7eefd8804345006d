/** Calls `fn` so many ms after the signal aborted. Gives a function that takes that back. */
export function afterAbort(signal: AbortSignal, ms: number, fn: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(fn, ms);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return () => {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  };
}
