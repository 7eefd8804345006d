type Values = Readonly<Record<string, readonly (string | undefined)[]>>;

/**
 * Combinations of parameters in which every two values of two parameters occur together that may: far fewer than all combinations. `allowed`
 * must hold for what remains when a parameter is left out.
 */
export function pairwise(
  values: Values,
  allowed: (parameters: Readonly<Record<string, string>>) => boolean,
): Record<string, string>[] {
  const names = Object.keys(values);
  const of = (name: string) => values[name] ?? [];
  const key = (a: string, av: number, b: string, bv: number) => `${a}=${av} ${b}=${bv}`;
  const given = (chosen: Iterable<readonly [string, number]>): Record<string, string> =>
    Object.fromEntries(
      [...chosen].flatMap(([name, value]) => {
        const text = of(name)[value];
        return text === undefined ? [] : [[name, text] as const];
      }),
    );
  const open = new Set<string>();
  for (const [i, a] of names.entries()) {
    for (const b of names.slice(i + 1)) {
      for (const av of of(a).keys()) {
        for (const bv of of(b).keys()) {
          const pair = [[a, av] as const, [b, bv] as const];
          if (allowed(given(pair))) open.add(key(a, av, b, bv));
        }
      }
    }
  }
  const combinations: Record<string, string>[] = [];
  while (open.size > 0) {
    const chosen = new Map<string, number>();
    // Begins with a pair that is missing, then takes for each parameter the value that adds most.
    const [first = ''] = open;
    for (const part of first.split(' ')) chosen.set(part.split('=')[0] ?? '', Number(part.split('=')[1]));
    const gain = (name: string, value: number): number => {
      if (!allowed(given([...chosen, [name, value]]))) return -1;
      let count = 0;
      for (const [other, otherValue] of chosen) {
        const isBefore = names.indexOf(name) < names.indexOf(other);
        const pair = isBefore ? key(name, value, other, otherValue) : key(other, otherValue, name, value);
        if (open.has(pair)) count++;
      }
      return count;
    };
    for (const name of names) {
      if (chosen.has(name)) continue;
      const gains = [...of(name).keys()].map((value) => gain(name, value));
      chosen.set(name, gains.indexOf(Math.max(...gains)));
    }
    const ordered = names.map((name) => [name, chosen.get(name) ?? 0] as const);
    for (const [i, [a, av]] of ordered.entries()) {
      for (const [b, bv] of ordered.slice(i + 1)) open.delete(key(a, av, b, bv));
    }
    combinations.push(given(ordered));
  }
  return combinations;
}
