/** Numbers from 0 up to, not including, 1. */
export type Random = () => number;

/** Numbers that a seed determines. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  // The first numbers of seeds that are near each other are near each other.
  for (let i = 0; i < 8; i++) next();
  return next;
}
