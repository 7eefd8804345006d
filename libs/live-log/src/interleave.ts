/**
 * What several generators give, as it comes. Each is asked for its next only when its last was taken, so a slow reader slows them all down.
 * A generator that throws ends them all.
 */
export async function* interleave<T>(generators: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  type Outcome = { readonly from: AsyncGenerator<T> } & (
    { readonly result: IteratorResult<T> } | { readonly error: unknown }
  );
  const ready: Outcome[] = [];
  let going = generators.length;
  let wake: () => void = () => undefined;
  const ask = (from: AsyncGenerator<T>): void => {
    const settle = (outcome: Outcome): void => {
      ready.push(outcome);
      wake();
    };
    // Promise.race would leave something behind in a generator that says nothing for days, with every event of the others.
    from.next().then(
      (result) => settle({ from, result }),
      (error: unknown) => settle({ from, error }),
    );
  };
  generators.forEach(ask);
  try {
    while (going > 0) {
      const outcome = ready.shift();
      if (outcome === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if ('error' in outcome) throw outcome.error;
      else if (outcome.result.done === true) going--;
      else {
        yield outcome.result.value;
        ask(outcome.from);
      }
    }
  } finally {
    // One that waits for what comes ends with that only: whoever reads this aborts what it waits for.
    for (const generator of generators) generator.return(undefined).catch(() => undefined);
  }
}
