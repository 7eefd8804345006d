/** The middle one; of an even number the lower of both in the middle. @throws RangeError without values */
export function median(values: readonly number[]): number {
  return medianBy(values, (value) => value);
}

/** The element whose figure is the middle one. @throws RangeError without elements */
export function medianBy<T>(elements: readonly T[], figure: (element: T) => number): T {
  const sorted = elements.toSorted((a, b) => figure(a) - figure(b));
  const middle = sorted[(sorted.length - 1) >> 1];
  if (middle === undefined) throw new RangeError('no values');
  return middle;
}

/** What `measure` gives, so many times, one after the other. */
export async function several<T>(times: number, measure: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < times; i++) all.push(await measure());
  return all;
}

export const MB = 1e6;
