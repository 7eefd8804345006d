/**
 * Put in front of every bundle. Cordwood is developed and shipped on Node 24, but `node dist/apps/<name>/main.js` should not die where
 * the machine's own Node is 20: this is all that is missing there.
 */
if (!('withResolvers' in Promise)) {
  Object.defineProperty(Promise, 'withResolvers', {
    value: <T>(): PromiseWithResolvers<T> => {
      const parts: Partial<PromiseWithResolvers<T>> = {};
      const promise = new Promise<T>((resolve, reject) => Object.assign(parts, { resolve, reject }));
      return Object.assign(parts as PromiseWithResolvers<T>, { promise });
    },
  });
}
if (!('groupBy' in Map)) {
  Object.defineProperty(Map, 'groupBy', {
    value: <K, T>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> => {
      const groups = new Map<K, T[]>();
      for (const item of items) {
        const key = keyOf(item);
        groups.set(key, [...(groups.get(key) ?? []), item]);
      }
      return groups;
    },
  });
}
