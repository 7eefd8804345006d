const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A time of a query that goes on later: a duration back from now means another time by then, so it becomes the time that it meant at first. `date`: the header Date of the first answer, which is by the service's clock.
 */
export function pinned(value: string | undefined, date: string | null): string | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value ?? '') ?? [];
  const now = Date.parse(date ?? '');
  if (amount === undefined || unit === undefined || Number.isNaN(now)) return value;
  return new Date(now - Number(amount) * (UNITS[unit] ?? 0)).toISOString();
}
