/** How often what happened, by group and kind. */
export class Counts {
  readonly #groups = new Map<string, Map<string, number>>();

  add(group: string, kind: string, by = 1): void {
    const kinds = this.#groups.get(group) ?? new Map<string, number>();
    this.#groups.set(group, kinds);
    kinds.set(kind, (kinds.get(kind) ?? 0) + by);
  }

  /** Of one kind, or of all kinds of the group whose names begin so. */
  of(group: string, kind = ''): number {
    const kinds = [...(this.#groups.get(group) ?? [])];
    return kinds.filter(([name]) => name.startsWith(kind)).reduce((sum, [, count]) => sum + count, 0);
  }

  toJSON(): Record<string, Record<string, number>> {
    const sorted = <V>(entries: Iterable<readonly [string, V]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted(this.#groups).map(([group, kinds]) => [group, Object.fromEntries(sorted(kinds))]));
  }

  /** One line per group. */
  toString(): string {
    return Object.entries(this.toJSON())
      .map(([group, kinds]) => {
        const all = Object.entries(kinds).map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`);
        return `${group}: ${all.join(', ')}`;
      })
      .join('\n');
  }
}
