import { MemoryObjectStore } from '@cordwood/testkit';
import { describeObjectStore } from './object-store.conformance.ts';

// What property tests use in place of S3 must behave as S3 does.
describeObjectStore('memory', async () =>
  Promise.resolve({
    store: new MemoryObjectStore(),
    deletesConditionally: true,
    deletesUnchanged: true,
    close: async () => Promise.resolve(),
  }),
);
