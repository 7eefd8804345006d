import type { AggregatedResult, Reporter, TestContext } from '@jest/reporters';

/** Ends the output with one line that scripts can read: `12 passed, 0 failed, 1 skipped`. */
export default class TotalsReporter implements Pick<Reporter, 'onRunComplete'> {
  onRunComplete(_contexts: Set<TestContext>, results: AggregatedResult): void {
    // A file that could not be loaded has no tests to count, yet must not look like success.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    // Not now: Jest's own summary follows its reporters, wherever they stand in the configuration.
    process.once('exit', () => {
      process.stdout.write(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }
}
